import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { keys } from "~/api/queries";
import { followRuns } from "./live";

test("a watched run that moves on is news for the lists, and nothing else is", () => {
  const queries = new QueryClient();
  let news = 0;
  const stop = followRuns(queries, () => {
    news += 1;
  });
  const name = "workspaces/w/runs/r";
  const read = (more: object) =>
    queries.setQueryData(keys.run(name), {
      name,
      state: "RUN_STATE_RUNNING",
      openInboxItems: 0,
      costNanoUsd: "0",
      pendingCommand: "COMMAND_KIND_UNSPECIFIED",
      ...more,
    });

  read({});
  read({});
  read({ pendingCommand: "COMMAND_KIND_PAUSE" });
  queries.setQueryData(keys.agents("workspaces/w"), []);
  expect(news).toBe(0);
  read({ state: "RUN_STATE_WAITING", openInboxItems: 1 });
  expect(news).toBe(1);
  read({ state: "RUN_STATE_WAITING", openInboxItems: 1, costNanoUsd: "5" });
  expect(news).toBe(2);
  stop();
  read({ state: "RUN_STATE_SUCCEEDED" });
  expect(news).toBe(2);
});
