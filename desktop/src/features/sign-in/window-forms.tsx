// Signing in from the desktop window: by a pasted link, which names its gateway, or at a gateway that the person names.
import { zodResolver } from "@hookform/resolvers/zod";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { z } from "zod";
import { useTransport } from "~/app/transport";
import { Field, Input } from "~/shared/ui/field";
import { Filters } from "~/shared/ui/screen";
import type { Credentials } from "~/transport/types";
import { GatewayAddress, PasswordForm, SignInButton, SignInProblem } from "./forms";
import { useSignIn } from "./use-sign-in";

type Way = Credentials["kind"];

const WAYS: Record<Way, string> = { code: "Link", password: "Password", token: "API token" };

/** The ways that this build offers, the first one chosen. */
export function WindowForms({ onDone }: { onDone: () => void }) {
  const { signIn } = useTransport().capabilities;
  const [way, setWay] = useState<Way>(signIn[0] ?? "code");
  const options = signIn.map((value) => ({ value, label: WAYS[value] }));
  return (
    <>
      <Filters label="How to sign in" options={options} value={way} onChange={setWay} />
      {way === "code" ? <LinkForm onDone={onDone} /> : null}
      {way === "password" ? <PasswordForm onDone={onDone} /> : null}
      {way === "token" ? <TokenForm onDone={onDone} /> : null}
    </>
  );
}

const Link = z.object({
  link: z
    .string()
    .trim()
    .min(1, "Paste the link that ./mc up or ./mc link printed.")
    .refine(
      (text) => text === "" || text.includes("mc_otc_"),
      "This is no sign-in link: it has no code. Copy it whole.",
    ),
});

function LinkForm({ onDone }: { onDone: () => void }) {
  const { problem, enter } = useSignIn(onDone);
  const form = useForm({ resolver: zodResolver(Link), defaultValues: { link: "" } });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async ({ link }) => {
    if (!(await enter({ kind: "code", code: link }))) form.setFocus("link", { shouldSelect: true });
  });
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <Field label="Sign-in link" error={errors.link?.message}>
        {(control) => (
          <Input
            {...control}
            {...form.register("link")}
            className="font-mono text-xs"
            placeholder="http://127.0.0.1:8080/sign-in#code=..."
            spellCheck={false}
            autoFocus
          />
        )}
      </Field>
      <SignInProblem problem={problem} />
      <SignInButton busy={isSubmitting} />
    </form>
  );
}

const Token = z.object({
  gateway: GatewayAddress,
  token: z
    .string()
    .trim()
    .startsWith("mc_pat_", "An API token begins with mc_pat_. ./mc token prints that of the first account."),
});

function TokenForm({ onDone }: { onDone: () => void }) {
  const transport = useTransport();
  const { problem, enter } = useSignIn(onDone);
  const form = useForm({
    resolver: zodResolver(Token),
    defaultValues: { gateway: transport.gateway.get(), token: "" },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit(async ({ gateway, token }) => {
    if (!(await enter({ kind: "token", token }, gateway))) form.setFocus("token", { shouldSelect: true });
  });
  return (
    <form onSubmit={submit} noValidate className="space-y-4">
      <Field label="Gateway" error={errors.gateway?.message}>
        {(control) => <Input {...control} {...form.register("gateway")} inputMode="url" spellCheck={false} />}
      </Field>
      <Field label="API token" error={errors.token?.message} hint="Kept in the keychain of this machine, nowhere else.">
        {(control) => <Input {...control} {...form.register("token")} type="password" autoFocus />}
      </Field>
      <SignInProblem problem={problem} />
      <SignInButton busy={isSubmitting} />
    </form>
  );
}
