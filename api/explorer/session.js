// Who asks, and how: the sign-in form in the header, and one function that posts to /graphql.
// The bearer token lives in this tab's sessionStorage and nowhere else; a password is never kept.
"use strict";

const omnibis = {
  async post(parameters) {
    const token = sessionStorage.getItem("omnibis.token");
    const response = await fetch("/graphql", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json;q=0.9",
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(parameters),
    });
    if (response.status === 401) omnibis.signOut("Your session is over; sign in again.");
    return response.json();
  },

  async savedQueries() {
    return (await fetch("/explorer/questions.json")).json();
  },

  async signIn(username, password) {
    sessionStorage.removeItem("omnibis.token");
    const answer = await omnibis.post({
      query: "mutation SignIn($username: String!, $password: String!) { login(username: $username, password: $password) { token } }",
      variables: { username, password },
    });
    const token = answer.data && answer.data.login && answer.data.login.token;
    if (!token) return omnibis.signOut(answer.errors ? answer.errors[0].message : "That did not work.");
    sessionStorage.setItem("omnibis.token", token);
    sessionStorage.setItem("omnibis.user", username);
    drawSignIn("");
  },

  signOut(message) {
    sessionStorage.removeItem("omnibis.token");
    sessionStorage.removeItem("omnibis.user");
    drawSignIn(message || "");
  },
};

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function drawSignIn(message) {
  const form = document.getElementById("sign-in");
  const user = sessionStorage.getItem("omnibis.user");
  const said = element("output", { textContent: message });
  form.onsubmit = (event) => event.preventDefault();
  if (user) {
    const out = element("button", { type: "button", textContent: "Sign out" });
    out.onclick = () => omnibis.signOut();
    form.replaceChildren(said, element("span", { textContent: `Signed in as ${user}` }), out);
    return;
  }
  const name = element("input", { name: "username", placeholder: "user", autocomplete: "username", ariaLabel: "User" });
  const password = element("input", { name: "password", type: "password", placeholder: "password", autocomplete: "current-password", ariaLabel: "Password" });
  form.replaceChildren(said, name, password, element("button", { textContent: "Sign in" }));
  form.onsubmit = (event) => {
    event.preventDefault();
    omnibis.signIn(name.value, password.value).catch(() => omnibis.signOut("The server did not answer."));
  };
}

drawSignIn("");
