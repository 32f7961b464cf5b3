// What every way to sign in has in common, and the one that all builds offer: the e-mail and password of a local account.
import { zodResolver } from "@hookform/resolvers/zod";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { LocalReason, type Problem } from "~/api/problem";
import { useTransport } from "~/app/transport";
import { Button } from "~/shared/ui/button";
import { Field, Input } from "~/shared/ui/field";
import { ProblemNote } from "~/shared/ui/problem-note";
import { useSignIn } from "./use-sign-in";

/** An address as people write it: the gateway itself says what is wrong with one. */
export const GatewayAddress = z
  .string()
  .trim()
  .min(1, "Write the gateway's address, such as https://mc.example.")
  .transform((text) => text.replace(/\/+$/, ""));

const Account = z.object({
  gateway: GatewayAddress,
  email: z.email("Write the address of your account, such as ana@example.com."),
  password: z.string().min(1, "Write your password."),
});

export function PasswordForm({ onDone }: { onDone: () => void }) {
  const transport = useTransport();
  const { choosesGateway } = transport.capabilities;
  const { problem, enter } = useSignIn(onDone);
  const form = useForm({
    resolver: zodResolver(Account),
    defaultValues: { gateway: transport.gateway.get(), email: "", password: "" },
  });
  const { errors, isSubmitting } = form.formState;

  const submit = form.handleSubmit(async ({ gateway, email, password }) => {
    const entered = await enter({ kind: "password", email, password }, choosesGateway ? gateway : undefined);
    if (!entered) form.setFocus("password", { shouldSelect: true });
  });

  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      {choosesGateway ? (
        <Field label="Gateway" error={errors.gateway?.message}>
          {(control) => <Input {...control} {...form.register("gateway")} inputMode="url" spellCheck={false} />}
        </Field>
      ) : null}
      <Field label="E-mail" error={errors.email?.message}>
        {(control) => <Input {...control} {...form.register("email")} type="email" autoComplete="username" autoFocus />}
      </Field>
      <Field label="Password" error={errors.password?.message}>
        {(control) => (
          <Input {...control} {...form.register("password")} type="password" autoComplete="current-password" />
        )}
      </Field>
      <SignInProblem problem={problem} />
      <SignInButton busy={isSubmitting} />
    </form>
  );
}

export function SignInButton({ busy }: { busy: boolean }) {
  return (
    <Button type="submit" look="primary" className="w-full" busy={busy}>
      {busy ? "Signing in..." : "Sign in"}
    </Button>
  );
}

const WORDS: Record<string, string> = {
  INVALID_CREDENTIALS: "E-mail and password do not belong together. Check both and try again.",
  TOKEN_INVALID: "The gateway does not know this token: it was revoked, has ended or is of another gateway.",
};

/** Why it failed. A gateway that does not answer is tried again from here. */
export function SignInProblem({ problem }: { problem: Problem | null }) {
  if (problem === null) return null;
  if (problem.reason === "SIGN_IN_CODE_INVALID") return <LinkFailed problem={problem} />;
  const words = WORDS[problem.reason];
  if (words) {
    return (
      <p role="alert" className="rounded-control bg-bad-soft px-3 py-2 text-bad-text">
        {words}
      </p>
    );
  }
  const known = problem.reason === LocalReason.offline || problem.reason === LocalReason.unreachable;
  return (
    <ProblemNote problem={problem}>
      {known ? (
        <Button size="sm" type="submit">
          Try again
        </Button>
      ) : null}
    </ProblemNote>
  );
}

/** A link works once and for a short while; anything else is the gateway's trouble. */
export function LinkFailed({ problem }: { problem: Problem }) {
  if (problem.reason !== "SIGN_IN_CODE_INVALID") return <ProblemNote problem={problem} />;
  return (
    <p role="alert" className="rounded-control bg-need-soft px-3 py-2 text-need-text">
      This link was used already or is too old. Print a new one with <code>./mc link</code>, or sign in with your
      password.
    </p>
  );
}
