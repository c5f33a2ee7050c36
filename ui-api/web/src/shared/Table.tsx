/**
 * A table that stays fast with 10,000 rows: only the rows in sight are in the page. Sorting is the server's where a
 * column has a `sort` field.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, ArrowUpDown } from "lucide-react";
import { useRef, type ReactNode } from "react";

export interface Column<T> {
  id: string;
  head: string;
  cell(row: T): ReactNode;
  /** the field to sort by */
  sort?: string;
  align?: "end";
  /** a CSS width, such as `8rem` */
  width?: string;
  /** left out where the window is narrow */
  optional?: boolean;
  /** shown only where a row has something to show */
  when?(row: T): unknown;
}

interface Props<T> {
  label: string;
  rows: T[];
  columns: Column<T>[];
  keyOf(row: T): string;
  /** `field`, or `field desc`, as the API writes it */
  order?: string;
  onOrder?(order: string): void;
  /** called when the last rows come into sight */
  onEnd?(): void;
  /** how many there are in all, where the server knows */
  total?: number;
  empty: ReactNode;
}

const ROW_PX = 37;
const VIRTUAL_FROM = 120;

export function Table<T>({ label, rows, columns: all, keyOf, order = "", onOrder, onEnd, total, empty }: Props<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const many = rows.length > VIRTUAL_FROM;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    enabled: many,
  });
  if (!rows.length) return <>{empty}</>;
  const columns = all.filter((column) => !column.when || rows.some(column.when));

  const shown = many ? virtual.getVirtualItems() : rows.map((_, index) => ({ index }));
  const before = many ? (virtual.getVirtualItems()[0]?.start ?? 0) : 0;
  const last = virtual.getVirtualItems().at(-1);
  const after = many && last ? virtual.getTotalSize() - last.end : 0;
  const scrolled = (): void => {
    const box = scroller.current;
    if (box && onEnd && box.scrollTop + box.clientHeight > box.scrollHeight - 20 * ROW_PX) onEnd();
  };
  return (
    <div className={many ? "table-box tall" : "table-box"} ref={scroller} onScroll={scrolled} tabIndex={0} role="region" aria-label={label}>
      <table className="table" aria-rowcount={total ?? rows.length}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.id} column={column} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <tr aria-hidden style={{ height: before }} />}
          {shown.map(({ index }) => {
            const row = rows[index] as T;
            return (
              <tr key={keyOf(row)} aria-rowindex={index + 2}>
                {columns.map((column) => (
                  <td key={column.id} className={classes(column)}>{column.cell(row)}</td>
                ))}
              </tr>
            );
          })}
          {after > 0 && <tr aria-hidden style={{ height: after }} />}
        </tbody>
      </table>
    </div>
  );
}

function classes<T>(column: Column<T>): string {
  return [column.align === "end" ? "end" : "", column.optional ? "optional" : ""].join(" ").trim();
}

function Head<T>({ column, order, onOrder }: { column: Column<T>; order: string; onOrder?: (order: string) => void }) {
  const { sort } = column;
  const style = column.width ? { width: column.width } : undefined;
  if (!sort || !onOrder) return <th scope="col" className={classes(column)} style={style}>{column.head || <span className="visually-hidden">{column.id}</span>}</th>;
  const state = order === sort ? "ascending" : order === `${sort} desc` ? "descending" : "none";
  const Icon = state === "ascending" ? ArrowUp : state === "descending" ? ArrowDown : ArrowUpDown;
  return (
    <th scope="col" className={classes(column)} style={style} aria-sort={state}>
      <button type="button" className="sort" onClick={() => onOrder(state === "ascending" ? `${sort} desc` : sort)}>
        {column.head} <Icon aria-hidden size={12} />
      </button>
    </th>
  );
}
