// Signing in: by the one-time link that `./mc up` prints, or with the e-mail and password of a local account.
import { zodResolver } from "@hookform/resolvers/zod";
import { useEffect, useRef, useState } from "react";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { asProblem, LocalReason, type Problem } from "~/api/problem";
import { useReadable, useSession, useTransport } from "~/app/transport";
import { Brand } from "~/shared/ui/brand";
import { Button } from "~/shared/ui/button";
import { Field, Input } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";

/** The code of a sign-in link, taken out of the address at once so that it is in no history and no screenshot. */
export function takeCode(location: Location, history: History): string | null {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return code;
}

const Account = z.object({
  email: z.email("Write the address of your account, such as ana@example.com."),
  password: z.string().min(1, "Write your password."),
});
type Account = z.output<typeof Account>;

/** Signs in and calls `onDone`. */
export function SignInPanel({ onDone }: { onDone: () => void }) {
  const transport = useTransport();
  const gateway = useReadable(transport.gateway);
  const session = useSession();
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
              <AccountForm onDone={onDone} />
            </>
          ) : (
            <p role="status" className="py-6 text-center text-muted">
              Signing in with your link...
            </p>
          )}
        </div>
        <p className="mt-4 text-pretty text-muted text-xs">
          Running Mission Control on this machine? <code>./mc up</code> prints a link that signs you in once. For a new
          one run <code>./mc link</code>.
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

/** A link works once and for a short while; anything else is the gateway's trouble. */
function LinkFailed({ problem }: { problem: Problem }) {
  if (problem.reason !== "SIGN_IN_CODE_INVALID") return <ProblemNote problem={problem} />;
  return (
    <p role="alert" className="rounded-control bg-need-soft px-3 py-2 text-need-text">
      This link was used already or is too old. Print a new one with <code>./mc link</code>, or sign in with your
      password.
    </p>
  );
}

function AccountForm({ onDone }: { onDone: () => void }) {
  const transport = useTransport();
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useForm<Account>({ resolver: zodResolver(Account), defaultValues: { email: "", password: "" } });
  const { errors, isSubmitting } = form.formState;

  const submit = form.handleSubmit(async ({ email, password }) => {
    setProblem(null);
    try {
      await transport.signIn({ kind: "password", email, password });
      onDone();
    } catch (thrown) {
      setProblem(asProblem(thrown));
      form.setFocus("password", { shouldSelect: true });
    }
  });

  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <Field label="E-mail" error={errors.email?.message}>
        {(control) => <Input {...control} {...form.register("email")} type="email" autoComplete="username" autoFocus />}
      </Field>
      <Field label="Password" error={errors.password?.message}>
        {(control) => (
          <Input {...control} {...form.register("password")} type="password" autoComplete="current-password" />
        )}
      </Field>
      {problem ? <SignInProblem problem={problem} /> : null}
      <Button type="submit" look="primary" className="w-full" busy={isSubmitting}>
        {isSubmitting ? "Signing in..." : "Sign in"}
      </Button>
    </form>
  );
}

function SignInProblem({ problem }: { problem: Problem }) {
  const known = problem.reason === LocalReason.offline || problem.reason === LocalReason.unreachable;
  if (problem.reason === "INVALID_CREDENTIALS") {
    return (
      <p role="alert" className="rounded-control bg-bad-soft px-3 py-2 text-bad-text">
        E-mail and password do not belong together. Check both and try again.
      </p>
    );
  }
  return <ProblemNote problem={problem}>{known ? <Retry /> : null}</ProblemNote>;
}

function Retry() {
  return (
    <Button size="sm" type="submit">
      Try again
    </Button>
  );
}
