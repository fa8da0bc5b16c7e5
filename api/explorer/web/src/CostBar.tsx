// One line under the header of the panels: what the answer cost, and which source did not answer.
import type { OnScreen } from "./answer";

const NAMES: Record<string, string> = { openbis: "openBIS", omero: "OMERO", linkStore: "links" };
const STATES: Record<string, string> = {
  TIMEOUT: "too slow",
  UNAVAILABLE: "not available",
  SESSION_EXPIRED: "session over: sign in again",
};

export function CostBar({ shown }: { shown: OnScreen | null }) {
  if (!shown) return <p className="cost" data-panel="cost">No answer yet. Choose a saved question, or write one and press Ctrl + Enter.</p>;
  const { sources = {}, cost = {} } = shown.answer.extensions ?? {};
  const names = Object.keys(NAMES).filter((name) => (cost.calls?.[name] ?? 0) > 0 || (sources[name] ?? "NOT_ASKED") !== "NOT_ASKED");
  const errors = shown.answer.errors?.length ?? 0;
  return (
    <div className="cost" data-panel="cost" role="status">
      <span>
        <b>{Math.round(shown.milliseconds)}</b> ms
      </span>
      <span>
        <b>{cost.totalCalls ?? 0}</b> calls
      </span>
      {names.map((name) => {
        const state = sources[name] ?? "OK";
        return (
          <span key={name} className={state === "OK" ? "source" : "source degraded"} data-source={name} data-state={state}>
            {NAMES[name]} {cost.calls?.[name] ?? 0} × · {Math.round(cost.milliseconds?.[name] ?? 0)} ms
            {state !== "OK" && <strong> {STATES[state] ?? state}</strong>}
          </span>
        );
      })}
      {errors > 0 && <span className="degraded">{errors === 1 ? "1 error" : `${errors} errors`}</span>}
    </div>
  );
}
