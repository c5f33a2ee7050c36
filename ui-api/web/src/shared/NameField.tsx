/** The name of something new, by the rule that the API has for names (RFC 1123 label). */
interface Props {
  label?: string;
  value: string;
  autoFocus?: boolean;
  onChange(value: string): void;
}

export function NameField({ label = "Name *", value, autoFocus, onChange }: Props) {
  return (
    <label>
      {label}
      <input
        autoFocus={autoFocus}
        required
        value={value}
        pattern="[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?"
        title="a-z, 0-9 and inner -"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}
