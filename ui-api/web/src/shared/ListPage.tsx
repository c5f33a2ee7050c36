/** A page that is one list: its filters in the URL, a table read page by page, and what to do where it is empty. */
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { flags, queryString } from "./Filters";
import { Empty, Loaded, Page } from "./Page";
import { rowsOf } from "./paging";
import { Table, type Column } from "./Table";

interface Props<T, S> {
  title: string;
  /** as the command and the path have it: `workloads` */
  name: string;
  search: S & { order_by?: string };
  set(change: { order_by?: string }): void;
  list: UseInfiniteQueryResult<InfiniteData<{ items: T[] }>, unknown>;
  columns: Column<T>[];
  keyOf(row: T): string;
  /** the order where the URL has none */
  order?: string;
  filters?: ReactNode;
  actions?: ReactNode;
  /** what is said where the filters leave nothing, with the way back */
  unmatched?: string;
  all?: ReactNode;
  /** what is said where there is nothing at all, and the command that brings something */
  none: { title: string; command: string };
}

export function ListPage<T, S extends Record<string, unknown>>({ title, name, search, set, list, columns, keyOf, order, filters, actions, unmatched, all, none }: Props<T, S>) {
  const rows = rowsOf(list.data);
  const filtered = Object.values(search).some(Boolean);
  return (
    <Page
      title={title}
      readAt={list.dataUpdatedAt}
      actions={actions}
      equivalent={{
        cli: `${name} list${flags(search)}`, request: `GET /v1/${name}${queryString(search)}`, data: rows, name,
        rows: rows as Record<string, unknown>[],
      }}
    >
      {filters && <div className="filters">{filters}</div>}
      <Loaded of={list}>
        {() => (
          <Table
            label={title}
            rows={rows}
            columns={columns}
            keyOf={keyOf}
            order={search.order_by ?? order}
            onOrder={(order_by) => set({ order_by })}
            onEnd={() => list.hasNextPage && !list.isFetchingNextPage && void list.fetchNextPage()}
            empty={filtered && unmatched ? <Empty title={unmatched}>{all}</Empty> : <Empty {...none} />}
          />
        )}
      </Loaded>
    </Page>
  );
}
