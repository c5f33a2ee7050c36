/** Reads what a URL holds. What is unknown or of another type is left out: a link from elsewhere never breaks a page. */
export function texts<K extends string>(...names: K[]): (search: Record<string, unknown>) => Partial<Record<K, string>> {
  return (search) => {
    const read: Partial<Record<K, string>> = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") read[name] = String(value);
    }
    return read;
  };
}
