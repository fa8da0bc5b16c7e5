// A link to the question on screen: query and variables in the fragment, which a browser sends nowhere;
// no header, no token, no answer.
import { useGraphiQL } from "@graphiql/react";
import { useState } from "react";

export interface Shared {
  query: string;
  variables: string;
}

/** Read the question of this page's address, if there is one. */
export function sharedQuestion(hash = location.hash): Shared | null {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const query = parameters.get("query");
  return query === null ? null : { query, variables: parameters.get("variables") ?? "" };
}

/** Build the address that opens a question. */
export function shareLink(query: string, variables: string): string {
  const parameters = new URLSearchParams({ query });
  if (variables.trim()) parameters.set("variables", variables);
  return `${location.origin}${location.pathname}#${parameters}`;
}

export function Share() {
  const { queryEditor, variableEditor } = useGraphiQL(({ queryEditor, variableEditor }) => ({ queryEditor, variableEditor }));
  const [said, setSaid] = useState("");

  async function share() {
    const link = shareLink(queryEditor?.getValue() ?? "", variableEditor?.getValue() ?? "");
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      setSaid("The link is copied.");
    } catch {
      setSaid("The link is in the address bar."); // where the page may not write to the clipboard
    }
    setTimeout(() => setSaid(""), 4000);
  }

  return (
    <>
      <output>{said}</output>
      <button type="button" className="plain" data-action="share" onClick={() => void share()}>Share</button>
    </>
  );
}
