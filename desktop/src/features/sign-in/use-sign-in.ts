// Signs in, at another gateway first where one was named, and keeps what went wrong.
import { useState } from "react";
import { asProblem, type Problem } from "~/api/problem";
import { useTransport } from "~/app/transport";
import type { Credentials } from "~/transport/types";

export interface SignIn {
  /** Why the last attempt failed. */
  problem: Problem | null;
  /** True if somebody is signed in now. `gateway` is where to, if that may be chosen. */
  enter(credentials: Credentials, gateway?: string): Promise<boolean>;
}

export function useSignIn(onDone: () => void): SignIn {
  const transport = useTransport();
  const [problem, setProblem] = useState<Problem | null>(null);
  return {
    problem,
    async enter(credentials, gateway) {
      setProblem(null);
      try {
        if (gateway !== undefined && gateway !== transport.gateway.get()) await transport.chooseGateway(gateway);
        await transport.signIn(credentials);
      } catch (thrown) {
        setProblem(asProblem(thrown));
        return false;
      }
      onDone();
      return true;
    },
  };
}
