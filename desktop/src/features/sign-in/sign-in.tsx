// Signing in: by the one-time link that `./mc up` prints, or in the ways that this build offers.
import { useEffect, useRef, useState } from "react";
import { asProblem, type Problem } from "~/api/problem";
import { useReadable, useSession, useTransport } from "~/app/transport";
import { Brand } from "~/shared/ui/brand";
import { LinkFailed, PasswordForm } from "./forms";
import { WindowForms } from "./window-forms";

/** The code of a sign-in link, taken out of the address at once so that it is in no history and no screenshot. */
export function takeCode(location: Location, history: History): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return code;
}

/** Signs in and calls `onDone`. */
export function SignInPanel({ onDone }: { onDone: () => void }) {
  const transport = useTransport();
  const gateway = useReadable(transport.gateway);
  const session = useSession();
  const { choosesGateway } = transport.capabilities;
  const [code, setCode] = useState(() => takeCode(window.location, window.history));
  const [problem, setProblem] = useState<Problem | null>(null);
  const exchanged = useRef(false);

  useEffect(() => {
    if (code === null || exchanged.current) return;
    exchanged.current = true;
    transport.signIn({ kind: "code", code }).then(onDone, (thrown: unknown) => {
      setProblem(asProblem(thrown));
      setCode(null);
    });
  }, [code, transport, onDone]);

  return (
    <main className="grid h-full place-items-center overflow-auto bg-sunken p-6">
      <div className="w-full max-w-[360px] animate-rise">
        <div className="mb-6 flex items-center gap-3">
          <Brand className="size-9" />
          <div>
            <h1 className="font-semibold text-xl">Mission Control</h1>
            <p className="truncate text-muted text-xs">{gateway.replace(/^https?:\/\//, "")}</p>
          </div>
        </div>
        <div className="space-y-4 rounded-panel border bg-raised p-5 shadow-panel">
          {code === null ? (
            <>
              {problem ? (
                <LinkFailed problem={problem} />
              ) : (
                <Why because={session.state === "signedOut" ? session.because : "never"} />
              )}
              {choosesGateway ? <WindowForms onDone={onDone} /> : <PasswordForm onDone={onDone} />}
            </>
          ) : (
            <p role="status" className="py-6 text-center text-muted">
              Signing in with your link...
            </p>
          )}
        </div>
        <p className="mt-4 text-pretty text-muted text-xs">
          Running Mission Control on this machine? <code>./mc up</code> prints a link that signs you in once
          {choosesGateway ? " when you paste it here" : ""}. For a new one run <code>./mc link</code>.
        </p>
      </div>
    </main>
  );
}

function Why({ because }: { because: "never" | "signedOut" | "expired" }) {
  if (because === "never") return null;
  const text =
    because === "expired" ? "Your session has ended. Sign in again to go on where you were." : "You are signed out.";
  return (
    <p role="status" className="rounded-control bg-need-soft px-3 py-2 text-need-text">
      {text}
    </p>
  );
}
