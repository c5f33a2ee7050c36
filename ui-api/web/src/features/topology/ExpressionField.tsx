/** An expression in the URL; what cannot be read says why, and finds nothing meanwhile. */
import { useMemo } from "react";
import { TextFilter } from "@/shared/Filters";
import { ExpressionError, parse, type Test } from "./expression";

function read(text: string | undefined): { test: Test | null; problem: string } {
  if (!text?.trim()) return { test: null, problem: "" };
  try {
    return { test: parse(text), problem: "" };
  } catch (error) {
    return { test: null, problem: error instanceof ExpressionError ? error.message : String(error) };
  }
}

export function useExpression(text: string | undefined): Test | null {
  return useMemo(() => read(text).test, [text]);
}

export function ExpressionField({ label, value, onChange }: { label: string; value: string | undefined; onChange(value: string | undefined): void }) {
  const { problem } = read(value);
  return (
    <div>
      <TextFilter label={label} value={value} placeholder="errors > 1% or name ~ rev" onChange={onChange} />
      {problem && <span className="soft" role="alert">{problem}</span>}
    </div>
  );
}
