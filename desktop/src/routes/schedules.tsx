// `/schedules`
export { Schedules as SchedulesScreen } from "~/features/schedules/schedules";
