// `/sign-in`: and then to where the person wanted to go.
import { useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { SignInPanel } from "~/features/sign-in/sign-in";

export function SignIn() {
  const { next } = useSearch({ from: "/sign-in" });
  const navigate = useNavigate();
  const router = useRouter();
  const done = useCallback(() => {
    if (next) router.history.replace(next);
    else void navigate({ to: "/inbox", replace: true });
  }, [next, navigate, router]);
  return <SignInPanel onDone={done} />;
}
