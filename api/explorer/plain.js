// The plain explorer: a text area, its variables, a button, the answer.
"use strict";

const field = (id) => document.getElementById(id);

async function run() {
  const status = field("status");
  const parameters = { query: field("query").value };
  try {
    if (field("variables").value.trim()) parameters.variables = JSON.parse(field("variables").value);
  } catch {
    status.textContent = "The variables are not JSON.";
    return;
  }
  status.textContent = "…";
  const started = performance.now();
  try {
    const answer = await omnibis.post(parameters);
    field("result").textContent = JSON.stringify(answer, null, 2);
    status.textContent = `${Math.round(performance.now() - started)} ms`;
  } catch {
    status.textContent = "The server did not answer.";
  }
}

field("run").onclick = run;
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});
omnibis.savedQueries().then((saved) => {
  field("saved").append(...saved.map(({ title }, index) => element("option", { textContent: title, value: index })));
  field("saved").onchange = () => {
    field("query").value = saved[field("saved").value].query;
  };
  field("query").value = saved[0].query;
});
