// `/team/new` and `/team/$agent`
import { useParams, useSearch } from "@tanstack/react-router";
import { EditAgent, NewAgent } from "~/features/team/agent-editor";

export function NewAgentScreen() {
  const { for: purpose } = useSearch({ from: "/signed-in/team/new" });
  return <NewAgent purpose={purpose} />;
}

export function AgentScreen() {
  const { agent } = useParams({ from: "/signed-in/team/$agent" });
  return <EditAgent key={agent} id={agent} />;
}
