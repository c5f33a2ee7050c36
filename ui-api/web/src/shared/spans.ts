/** Spans of time that charts offer, by the word that stands in the URL. */
export const SPANS = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400 } as const;
export type Span = keyof typeof SPANS;

export function spanOf(word: string | undefined): Span {
  return word && word in SPANS ? (word as Span) : "15m";
}
