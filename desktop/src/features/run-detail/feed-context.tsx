// Hands the feed of the run on screen to its rows, so that only those that show live text follow it.
import { createContext, useContext } from "react";
import type { RunFeed } from "./journal/feed";

interface Place {
  readonly run: string;
  readonly feed: RunFeed;
  /** Name of the person who looks. */
  readonly me: string;
  /** Shows the journal's own records of an entry. */
  readonly showRecords: (seqs: readonly number[]) => void;
}

const FeedContext = createContext<Place | null>(null);

export const FeedProvider = FeedContext.Provider;

export function useFeed(): Place {
  const place = useContext(FeedContext);
  if (!place) throw new Error("useFeed needs a FeedProvider above it");
  return place;
}
