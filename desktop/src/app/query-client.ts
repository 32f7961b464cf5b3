// Server state: how long it is fresh, and what is tried again.
import { QueryClient } from "@tanstack/react-query";
import { asProblem } from "~/api/problem";

/** A client whose reads are repeated only where that can help; writes never are, as a person decides that. */
export function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        gcTime: 10 * 60_000,
        retry: (count, thrown) => count < 2 && asProblem(thrown).transient,
        networkMode: "always",
      },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}
