"""Asks in a window: what is to be signed, and both PINs as dots."""

from __future__ import annotations

import sys
import tkinter as tk
from tkinter import ttk

from .pins import typed_password, typed_pin
from .questions import (
    CANCELLED,
    LAST_TRY,
    PIN_LABEL,
    PIN_MALFORMED,
    SIGNATURE_LABEL,
    SIGNATURE_MALFORMED,
    Question,
    read_question,
    write_answer,
)

_WIDTH = 560
_WARNING_COLOUR = "#c00000"


class ConsentWindow:
    """One question; ``answer`` is what was typed once the window has closed, None when it was cancelled."""

    def __init__(self, root: tk.Tk, question: Question) -> None:
        self.answer: tuple[str, str] | None = None
        self._root = root
        self._understood = tk.BooleanVar(root, value=not question.is_last_try)
        self._fault = tk.StringVar(root)
        root.title("署名の確認 / confirm the signature")
        root.attributes("-topmost", True)  # or it opens behind the browser, and nothing seems to happen
        frame = ttk.Frame(root, padding=16)
        frame.pack()
        for label, value in question.facts():
            self._line(frame, f"{label}:  {value}")
        if question.is_last_try:
            self._line(frame, LAST_TRY, _WARNING_COLOUR)
            text = "最後の1回を使います / I use the last try"
            ttk.Checkbutton(frame, text=text, variable=self._understood, command=self._enable).pack(anchor="w")
        self._pin = self._entry(frame, PIN_LABEL)
        self._password = self._entry(frame, SIGNATURE_LABEL)
        ttk.Label(frame, textvariable=self._fault, foreground=_WARNING_COLOUR, wraplength=_WIDTH).pack(anchor="w")
        self._sign = ttk.Button(frame, text="署名する / sign", command=self._submit)
        self._sign.pack(side="right", pady=(12, 0))
        ttk.Button(frame, text="取り消す / cancel", command=root.destroy).pack(side="right", pady=(12, 0), padx=8)
        root.bind("<Return>", lambda _: self._sign.invoke())
        root.bind("<Escape>", lambda _: root.destroy())
        self._enable()
        self._pin.focus_force()

    def _line(self, frame: ttk.Frame, text: str, colour: str = "") -> None:
        ttk.Label(frame, text=text, wraplength=_WIDTH, foreground=colour).pack(anchor="w", pady=2)

    def _entry(self, frame: ttk.Frame, label: str) -> ttk.Entry:
        self._line(frame, label)
        entry = ttk.Entry(frame, show="●", width=24)
        entry.pack(anchor="w")
        return entry

    def _enable(self) -> None:
        self._sign.state(["!disabled" if self._understood.get() else "disabled"])

    def _submit(self) -> None:
        pin, password = typed_pin(self._pin.get()), typed_password(self._password.get())
        if pin is None:
            self._refuse(self._pin, PIN_MALFORMED)
        elif password is None:
            self._refuse(self._password, SIGNATURE_MALFORMED)
        else:
            self.answer = pin, password
            self._root.destroy()

    def _refuse(self, entry: ttk.Entry, fault: str) -> None:
        self._fault.set(fault)
        entry.delete(0, "end")
        entry.focus_set()


def main() -> int:
    """Read the question, ask, and write the answer; returns the exit status. ``--probe`` only tries to open."""
    root = tk.Tk()
    if sys.argv[1:] == ["--probe"]:
        root.destroy()
        return 0
    window = ConsentWindow(root, read_question())
    root.mainloop()
    if window.answer is None:
        return CANCELLED
    write_answer(*window.answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
