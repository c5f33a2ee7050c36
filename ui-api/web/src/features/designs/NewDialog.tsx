/** Begins a design: its name, then the editor with an example. Nothing is stored until it is saved there. */
import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { Dialog } from "@/shared/Dialog";
import { NameField } from "@/shared/NameField";

export function NewDialog({ onClose }: { onClose(): void }) {
  const [name, setName] = useState("");
  const navigate = useNavigate();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void navigate({ to: "/designs/$design", params: { design: name }, search: { tab: "edit" } });
  };
  return (
    <Dialog title="New design" open onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <NameField label="Name" autoFocus value={name} onChange={setName} />
        <div className="row end"><button type="submit" className="button primary">Write it</button></div>
      </form>
    </Dialog>
  );
}
