// A schedule as its form has it, and the way to and from the contract's shape.
import { z } from "zod";
import type { Schedule } from "~/api/gen/schemas";
import { localZone } from "~/shared/format/zone";

/** The form. Bounds are those of the contract. */
export const ScheduleDraft = z.object({
  displayName: z.string().trim().min(1, "Give it a name.").max(80, "At most 80 characters."),
  cron: z.string().trim().min(1, "Say when.").max(200, "At most 200 characters."),
  timeZone: z.string().trim().min(1, "Pick a time zone."),
  title: z.string().trim().min(1, "Say in one line what is to be done.").max(200, "At most 200 characters."),
  brief: z.string().refine((text) => new TextEncoder().encode(text).length <= 65_536, { message: "At most 64 KiB." }),
  assignee: z.string().min(1, "Somebody has to do it. Pick a team member."),
  checks: z.array(z.object({ text: z.string().max(500, "At most 500 characters.") })).max(20, "At most 20 checks."),
  overlap: z.enum(["OVERLAP_POLICY_SKIP", "OVERLAP_POLICY_QUEUE", "OVERLAP_POLICY_REPLACE"]),
  missed: z.enum(["MISSED_FIRE_POLICY_ONCE", "MISSED_FIRE_POLICY_SKIP", "MISSED_FIRE_POLICY_ALL"]),
});
export type ScheduleDraft = z.output<typeof ScheduleDraft>;

/** Every weekday at nine, where this machine is. */
export const newSchedule = (): ScheduleDraft => ({
  displayName: "",
  cron: "0 9 * * 1-5",
  timeZone: localZone(),
  title: "",
  brief: "",
  assignee: "",
  checks: [],
  overlap: "OVERLAP_POLICY_SKIP",
  missed: "MISSED_FIRE_POLICY_ONCE",
});

/** The form of a schedule as it is. */
export function draftOf({ template, ...schedule }: Schedule): ScheduleDraft {
  const overlap = ScheduleDraft.shape.overlap.safeParse(schedule.overlapPolicy);
  const missed = ScheduleDraft.shape.missed.safeParse(schedule.missedFirePolicy);
  return {
    displayName: schedule.displayName,
    cron: schedule.cron,
    timeZone: schedule.timeZone,
    title: template.title,
    brief: template.brief,
    assignee: template.assignee,
    checks: template.acceptanceChecks.map((text) => ({ text })),
    overlap: overlap.success ? overlap.data : "OVERLAP_POLICY_SKIP",
    missed: missed.success ? missed.data : "MISSED_FIRE_POLICY_ONCE",
  };
}

/** What the form says, for the gateway. */
export function contentOf(draft: ScheduleDraft) {
  return {
    displayName: draft.displayName.trim(),
    cron: draft.cron.trim(),
    timeZone: draft.timeZone.trim(),
    template: {
      title: draft.title.trim(),
      brief: draft.brief,
      assignee: draft.assignee,
      acceptanceChecks: draft.checks.map(({ text }) => text.trim()).filter(Boolean),
    },
    overlapPolicy: draft.overlap,
    missedFirePolicy: draft.missed,
  };
}

const FIELDS: Record<string, keyof ScheduleDraft> = {
  display_name: "displayName",
  cron: "cron",
  time_zone: "timeZone",
  "template.title": "title",
  "template.brief": "brief",
  "template.assignee": "assignee",
  overlap_policy: "overlap",
  missed_fire_policy: "missed",
};

/** The field of the form that a path of the contract is about; `draft` says which checks were sent. */
export function fieldOf(draft: ScheduleDraft, path: string): keyof ScheduleDraft | `checks.${number}.text` | null {
  const field = path.replace(/^schedule\./, "");
  const check = /^template\.acceptance_checks\[(\d+)\]/.exec(field)?.[1];
  if (check === undefined) return FIELDS[field] ?? null;
  const sent = draft.checks.flatMap(({ text }, index) => (text.trim() ? [index] : []));
  const row = sent[Number(check)];
  return row === undefined ? null : `checks.${row}.text`;
}
