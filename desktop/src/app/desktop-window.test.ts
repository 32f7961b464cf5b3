import { expect, test } from "vitest";
import { useAppearance } from "~/shared/stores/appearance";
import { PlayedRust, settled } from "~/transport/tauri/testing";
import { dressWindow } from "./desktop-window";

test("the frame of the window has the theme of the page, and is told of nothing else", async () => {
  const rust = new PlayedRust();
  rust.answers.set_theme = () => Promise.reject({ status: 0, reason: "SYSTEM", detail: "No frame." });
  dressWindow();
  useAppearance.getState().setDensity("compact");
  useAppearance.getState().setTheme("dark");
  await settled();
  expect(rust.of("set_theme")).toEqual([{ theme: "system" }, { theme: "dark" }]);
});
