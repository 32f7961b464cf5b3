// A value once it has stayed the same for a moment: what somebody writes is asked for when they have stopped.
import { useEffect, useState } from "react";

/** How long somebody has to have stopped writing, in ms. */
const SETTLE_MS = 250;

export function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
