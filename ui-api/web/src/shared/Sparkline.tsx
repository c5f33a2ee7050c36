/** A small line of numbers over time, with its newest value in words for those who do not see it. */
interface Props {
  values: (number | null)[];
  label: string;
  width?: number;
  height?: number;
}

export function Sparkline({ values, label, width = 96, height = 24 }: Props) {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return <span className="soft sparkline" aria-label={`${label}: no history yet`}>–</span>;
  const top = Math.max(...known, 1e-9);
  const step = width / Math.max(values.length - 1, 1);
  let path = "";
  let pen = false;
  values.forEach((value, index) => {
    if (value === null) {
      pen = false;
      return;
    }
    const y = height - 1 - (value / top) * (height - 2);
    path += `${pen ? "L" : "M"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  });
  const drawn = path && !values.includes(null) ? `${path}L${width} ${height}L0 ${height}Z` : "";
  return (
    <svg className="sparkline" width={width} height={height} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {drawn && <path d={drawn} className="under" />}
      <path d={path} fill="none" stroke="currentColor" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
