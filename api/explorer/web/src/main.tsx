// Puts the explorer on the page; everything else is in App.tsx.
import "./workers";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
// GraphiQL's own sheet carries its fonts as data, a third of a megabyte: the parts without them do.
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./style.css";

const place = document.getElementById("explorer");
if (place) createRoot(place).render(<StrictMode><App /></StrictMode>);
