// A member's face: its emoji, else its first letter on a colour of its own.
import type { Agent } from "~/api/gen/schemas";
import { cn } from "~/shared/ui/cn";

/** A hue that stays the same for a name. */
const hueOf = (name: string): number =>
  [...name].reduce((sum, sign) => (sum * 31 + (sign.codePointAt(0) ?? 0)) % 360, 7);

export function Avatar({
  agent,
  large = false,
}: {
  agent: Pick<Agent, "name" | "displayName" | "avatar">;
  large?: boolean;
}) {
  const emoji = agent.avatar && !agent.avatar.startsWith("http") ? agent.avatar : "";
  return (
    <span
      aria-hidden
      className={cn(
        "grid shrink-0 place-items-center rounded-control font-semibold",
        large ? "size-10 text-lg" : "size-6 text-xs",
      )}
      style={{
        background: `light-dark(oklch(0.92 0.04 ${hueOf(agent.name)}), oklch(0.32 0.06 ${hueOf(agent.name)}))`,
        color: `light-dark(oklch(0.4 0.1 ${hueOf(agent.name)}), oklch(0.88 0.07 ${hueOf(agent.name)}))`,
      }}
    >
      {emoji || agent.displayName.charAt(0).toUpperCase()}
    </span>
  );
}
