// `/schedules/new` and `/schedules/$schedule`
import { useParams } from "@tanstack/react-router";
import { EditSchedule } from "~/features/schedules/schedule-editor";

export { NewSchedule as NewScheduleScreen } from "~/features/schedules/schedule-editor";

export function ScheduleScreen() {
  const { schedule } = useParams({ from: "/signed-in/schedules/$schedule" });
  return <EditSchedule key={schedule} id={schedule} />;
}
