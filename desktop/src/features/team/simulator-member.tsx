// The newcomer's way in: a team member without a model behind it, said as such, added with one press.
import { useQuery } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { useRef } from "react";
import { toast } from "sonner";
import type { Agent } from "~/api/gen/schemas";
import { asProblem } from "~/api/problem";
import { modelsQuery } from "~/api/queries";
import { useTransport } from "~/app/transport";
import { useWorkspace } from "~/app/workspace/workspace";
import { Button } from "~/shared/ui/button";
import { newDraft } from "./draft";
import { useAddAgent } from "./use-agents";

const MODEL = "simulator/demo";

/**
 * Adds the simulator to the team; nothing where the gateway has none. Its place is kept until that is known: a button beside it
 * must not move away under the pointer.
 */
export function SimulatorMember({ onAdded }: { onAdded: (agent: Agent) => void }) {
  const models = useQuery(modelsQuery(useTransport(), useWorkspace()));
  const add = useAddAgent();
  const requestId = useRef(crypto.randomUUID());
  if (models.isPending) {
    return (
      <Button className="invisible">
        <Face />
      </Button>
    );
  }
  if (!models.data?.models.some((model) => model.id === MODEL)) return null;
  const blank = newDraft(MODEL);
  const draft = {
    ...blank,
    // It asks before it writes, so that a newcomer sees what an approval is.
    tools: blank.tools.map((grant) => (grant.tool === "write_artifact" ? { ...grant, policy: "ask" as const } : grant)),
    displayName: "Sim",
    role: "Simulator: no model, just to look around",
    instructions:
      "Play the demo script: ask before writing a short report, then finish. Nothing here is read by a model.",
  };
  return (
    <Button
      busy={add.isPending}
      onClick={() =>
        add.mutate(
          { draft, requestId: requestId.current },
          { onSuccess: onAdded, onError: (thrown) => toast.error(asProblem(thrown).detail) },
        )
      }
    >
      <Face adding={add.isPending} />
    </Button>
  );
}

function Face({ adding = false }: { adding?: boolean }) {
  return (
    <>
      <FlaskConical aria-hidden />
      {adding ? "Adding..." : "Add the simulator"}
    </>
  );
}
