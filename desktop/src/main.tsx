// Entry of the web build and of the desktop window.
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./app/styles.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Providers } from "./app/providers";
import { applyAppearance } from "./shared/stores/appearance";
import { createTransport, inDesktopWindow } from "./transport/create";

applyAppearance();
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
const transport = await createTransport();
if (inDesktopWindow()) (await import("./app/desktop-window")).dressWindow();
createRoot(root).render(
  <StrictMode>
    <Providers transport={transport} />
  </StrictMode>,
);
