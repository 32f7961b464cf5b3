// What every unit test stands on: matchers, a clean page, and what jsdom lacks.
import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, beforeAll } from "vitest";

// Machines that run tests are busy; what is awaited here comes at once or not at all.
configure({ asyncUtilTimeout: 5_000 });

// The whole application runs here, and the tests wait for what is to be seen: React keeps its own time, as in a browser.
// What is rendered or pressed by Testing Library is still flushed by it.
beforeAll(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false });
});

afterEach(() => {
  cleanup();
  localStorage.clear();
});

// Radix and cmdk look at these; jsdom has no layout, so that doing nothing is right.
Element.prototype.scrollIntoView ??= () => undefined;
window.scrollTo = () => undefined;
Element.prototype.hasPointerCapture ??= () => false;
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
// A roomy window in the light.
window.matchMedia ??= (media: string) =>
  ({
    matches: media.includes("min-width"),
    media,
    addEventListener() {},
    removeEventListener() {},
  }) as unknown as MediaQueryList;
