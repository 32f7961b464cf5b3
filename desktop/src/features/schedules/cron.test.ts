import { expect, test } from "vitest";
import { cronWords, PRESETS } from "./cron";

test.each([
  ["* * * * *", "every minute"],
  ["*/15 * * * *", "every 15 min"],
  ["0 * * * *", "every hour"],
  ["@hourly", "every hour"],
  ["5 * * * 1-5", "every hour, 5 min past, Monday to Friday"],
  ["0 9 * * *", "every day at 09:00"],
  ["30 8,17 * * mon-fri", "Monday to Friday at 08:30, 17:30"],
  ["0 0 * * 7", "Sunday at 00:00"],
  ["0 9 * * tue,4", "Tuesday, Thursday at 09:00"],
  ["0 9 1 * *", "on the 1st of the month at 09:00"],
  ["0 9 22 * *", "on the 22nd of the month at 09:00"],
  ["0 9 13 * *", "on the 13th of the month at 09:00"],
  ["  @daily ", "every day at 00:00"],
])("%s is %s", (cron, words) => expect(cronWords(cron)).toBe(words));

test.each([
  "",
  "@yearly",
  "0 9 * 3 *",
  "0 9 13 * 5",
  "0 9-17 * * *",
  "1,2 * * * *",
  "0 9 * * 8",
  "0 9 * *",
  "0 9 * * * *",
])("%s has no simple words, and is shown as it is written", (cron) => expect(cronWords(cron)).toBeNull());

test("what one begins with has words", () => {
  for (const { cron } of PRESETS) expect(cronWords(cron)).not.toBeNull();
});
