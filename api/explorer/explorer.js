// GraphiQL, with our saved queries as its tabs; it talks through session.js.
"use strict";

omnibis.savedQueries().then((saved) => {
  const explorer = React.createElement(GraphiQL, {
    fetcher: (parameters) => omnibis.post(parameters),
    defaultQuery: saved[0].query,
    defaultTabs: saved.map(({ query }) => ({ query })),
    defaultEditorToolsVisibility: false,
    isHeadersEditorEnabled: false,
    storage: sessionStorage, // a new tab starts afresh
  });
  ReactDOM.createRoot(document.getElementById("graphiql")).render(explorer);
});
