/** The keys that work on every page. */
import { Dialog } from "@/shared/Dialog";
import { PLACES } from "./places";

export default function ShortcutHelp({ onClose }: { onClose(): void }) {
  const keys: [string, string][] = [
    ["Ctrl K or :", "Go to anything by its name"],
    ["/", "Filter what is shown"],
    ["?", "These keys"],
    ...PLACES.map((place): [string, string] => [`g ${place.key}`, place.title]),
  ];
  return (
    <Dialog title="Keys" open onClose={onClose}>
      <table className="keys">
        <tbody>
          {keys.map(([key, meaning]) => (
            <tr key={key}>
              <th scope="row"><kbd>{key}</kbd></th>
              <td>{meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}
