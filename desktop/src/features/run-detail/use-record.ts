// Records of a journal as the gateway has them, read when somebody asks to see them.
import { queryOptions, useQueryClient } from "@tanstack/react-query";
import { call } from "~/api/call";
import { operations } from "~/api/gen/operations";
import type { RunEvent } from "~/api/gen/schemas";
import { keys } from "~/api/queries";
import { useTransport } from "~/app/transport";
import type { Transport } from "~/transport/types";
import { useFeed } from "./feed-context";
import { isWhole, type Kept } from "./journal/kept";

/** One record. It never changes, so it is read once. */
export const recordQuery = (transport: Transport, run: string, seq: number) =>
  queryOptions({
    queryKey: [...keys.run(run), "record", seq],
    queryFn: async ({ signal }): Promise<RunEvent> => {
      const query = { afterSeq: String(seq - 1), pageSize: 1 };
      const { events } = await call(transport, operations.listRunEvents, { on: run, query, signal });
      const found = events.find((event) => event.seq === String(seq));
      if (!found) throw new Error(`The gateway has no record ${seq} of this run.`);
      return found;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Reads the whole of a text that is held in part; `of` finds it in its record. */
export function useWhole(): (held: Kept, of: (event: RunEvent) => string | undefined) => Promise<string> {
  const transport = useTransport();
  const queries = useQueryClient();
  const { run } = useFeed();
  return async (held, of) => {
    if (isWhole(held)) return held.text;
    return of(await queries.fetchQuery(recordQuery(transport, run, held.seq))) ?? held.text;
  };
}
