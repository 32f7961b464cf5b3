// `/runs/$run`
import { useParams } from "@tanstack/react-router";
import { RunDetail } from "~/features/run-detail/run-detail";

export function RunScreen() {
  const { run } = useParams({ from: "/signed-in/runs/$run" });
  return <RunDetail key={run} id={run} />;
}
