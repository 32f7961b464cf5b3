// An inbox without anything in it: what comes here, and what to do meanwhile.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Inbox as InboxIcon } from "lucide-react";
import { agentsQuery, tasksQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { Button } from "~/shared/ui/button";
import { Empty } from "~/shared/ui/empty";

export function NothingNeedsYou() {
  const transport = useTransport();
  const workspace = useWorkspace();
  const agents = useQuery(agentsQuery(transport, workspace));
  const tasks = useInfiniteQuery(tasksQuery(transport, workspace));
  const fresh = agents.data?.length === 0 || tasks.data?.pages[0]?.tasks.length === 0;
  if (agents.isPending || tasks.isPending) return null;
  return (
    <Empty
      icon={InboxIcon}
      title={fresh ? "Welcome. Give somebody something to do." : "Nothing needs you"}
      action={
        <Button look={fresh ? "primary" : "plain"} hotkey="c" asChild>
          <Link to="/tasks/new">{fresh ? "Write the first task" : "New task"}</Link>
        </Button>
      }
    >
      {fresh
        ? "Write a task and start it; it takes two minutes and no key of a provider: the simulator has no model and is there to look around. Whenever a run needs you, it waits here."
        : "When a run wants to do something you have to approve, asks a question, or cannot tell what became of a call, it waits here, holding nothing, until you decide."}
    </Empty>
  );
}

export function NothingDecided({ overtaken }: { overtaken: boolean }) {
  return overtaken ? (
    <Empty icon={InboxIcon} title="Nothing was overtaken">
      What a run asked and nobody had decided when the run ended is kept here.
    </Empty>
  ) : (
    <Empty icon={InboxIcon} title="Nothing has been decided yet">
      What you and others decide is kept here, with who did and when.
    </Empty>
  );
}
