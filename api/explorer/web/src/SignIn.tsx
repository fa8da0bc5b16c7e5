// Signing in and out, in the header: one name and password for both systems, or one for each; then who
// is signed in where, and until when.
import { type FormEvent, useRef, useState } from "react";
import { type Failure, post } from "./server";
import { session, useNotice, useSession } from "./session";

const LOGIN = `mutation SignIn($openbis: CredentialsInput, $omero: CredentialsInput) {
  login(openbis: $openbis, omero: $omero) { token expiresAt openbis omero userErrors { message source } }
}`;
const LOGOUT = "mutation SignOut { logout { ok } }";

interface Login {
  token: string | null;
  expiresAt: string | null;
  openbis: boolean;
  omero: boolean;
  userErrors: { message: string; source: string | null }[];
}

function Account({ name, open }: { name: string; open: boolean }) {
  return (
    <li>
      {open ? "✓" : "–"} {name}: {open ? "signed in" : "not signed in"}
    </li>
  );
}

function Pair({ name, legend, open }: { name: string; legend: string; open: boolean }) {
  return (
    <fieldset disabled={!open} hidden={!open}>
      <legend>{legend}</legend>
      <label>
        User <input name={`${name}-user`} autoComplete="username" required />
      </label>
      <label>
        Password <input name={`${name}-password`} type="password" autoComplete="current-password" required />
      </label>
    </fieldset>
  );
}

type Mode = "both" | "openbis" | "omero" | "each";
const MODES: [Mode, string][] = [
  ["both", "one account for both systems"],
  ["each", "an account for each"],
  ["openbis", "openBIS only"],
  ["omero", "OMERO only"],
];

export function SignIn() {
  const signedIn = useSession();
  const notice = useNotice();
  const dialog = useRef<HTMLDialogElement>(null);
  const [mode, setMode] = useState<Mode>("both");
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);

  async function signIn(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const entered = new FormData(form);
    const pair = (name: string) => ({ username: entered.get(`${name}-user`), password: entered.get(`${name}-password`) });
    const openbis = mode === "omero" ? null : pair(mode === "both" ? "both" : "openbis");
    const omero = mode === "openbis" ? null : pair(mode === "both" ? "both" : "omero");
    setBusy(true);
    await session.end();
    const answer = await post({ query: LOGIN, variables: { openbis, omero } });
    const login = (answer.data as { login?: Login } | null | undefined)?.login;
    if (!login?.token) {
      setBusy(false);
      setSaid((answer.errors ?? []).map((error: Failure) => error.message).join(" ") || "That did not work.");
      return;
    }
    form.reset();
    const { openbis: inOpenbis, omero: inOmero, expiresAt } = login;
    const user = String((openbis ?? omero)?.username);
    const begun = await session.begin({ user, openbis: inOpenbis, omero: inOmero, expiresAt }, login.token);
    setBusy(false);
    const refused = begun ? login.userErrors.map(({ message }) => message).join(" ") : "The server did not keep the session: try again.";
    setSaid(refused);
    if (!refused) dialog.current?.close();
  }

  async function signOut() {
    await post({ query: LOGOUT });
    await session.end();
    setSaid("");
  }

  return (
    <div className="sign-in">
      <output>{notice}</output>
      <button type="button" className="plain" onClick={() => dialog.current?.showModal()} data-action="sign-in">
        {signedIn ? `Signed in as ${signedIn.user}` : "Sign in"}
      </button>
      <dialog ref={dialog} aria-labelledby="sign-in-title">
        <h2 id="sign-in-title">{signedIn ? `Signed in as ${signedIn.user}` : "Sign in"}</h2>
        {signedIn ? (
          <>
            <ul>
              <Account name="openBIS (projects, samples, omics data)" open={signedIn.openbis} />
              <Account name="OMERO (images)" open={signedIn.omero} />
            </ul>
            {signedIn.expiresAt && <p>Until {new Date(signedIn.expiresAt).toLocaleString()}, or until a system ends its session.</p>}
            <p role="alert">{said}</p>
            <p className="row">
              <button type="button" onClick={() => void signOut()}>Sign out</button>
              <button type="button" onClick={() => dialog.current?.close()}>Close</button>
            </p>
          </>
        ) : (
          <form onSubmit={(event) => void signIn(event)}>
            <p>You see what both systems show to you: openBIS grants projects, samples and omics data, OMERO grants images.</p>
            <label>
              With{" "}
              <select value={mode} onChange={(event) => setMode(event.target.value as Mode)}>
                {MODES.map(([value, label]) => (
                  <option key={value} value={value}>{label}</option>
                ))}
              </select>
            </label>
            <Pair name="both" legend="openBIS and OMERO" open={mode === "both"} />
            <Pair name="openbis" legend="openBIS" open={mode === "openbis" || mode === "each"} />
            <Pair name="omero" legend="OMERO" open={mode === "omero" || mode === "each"} />
            <p role="alert">{said}</p>
            <p className="row">
              <button type="submit" disabled={busy}>Sign in</button>
              <button type="button" onClick={() => dialog.current?.close()}>Cancel</button>
            </p>
          </form>
        )}
      </dialog>
    </div>
  );
}
