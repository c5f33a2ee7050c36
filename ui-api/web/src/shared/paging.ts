/** How every list is read page by page. */
export const PAGED = {
  pageParamName: "page_token",
  initialPageParam: "",
  getNextPageParam: (last: { next_page_token: string }) => last.next_page_token || undefined,
} as const;

/** The rows of all pages that were read. */
export function rowsOf<T>(data: { pages: { items: T[] }[] } | undefined): T[] {
  return data?.pages.flatMap((page) => page.items) ?? [];
}
