/** A QR code as a drawing: made of rectangles, so that nothing has to be put into the page as text. */

import type { VNode } from "preact";
import { encodeQR } from "qr";

export function Qr({ text, label }: { readonly text: string; readonly label: string }): VNode {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  const path = rows.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join("");
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${rows.length} ${rows.length}`} shape-rendering="crispEdges">
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
