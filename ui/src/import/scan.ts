// The text of a QR code in a picture.

/** Larger pictures are made smaller first: the code in them is large too. Pixels of the longer side. */
const LONGEST = 1600;

/** Nothing if there is no code in it. Fails if it is no picture. */
export async function scan(content: Uint8Array): Promise<string | undefined> {
  const { decodeQR } = await import("qr/decode.js");
  const bitmap = await createImageBitmap(new Blob([content as Uint8Array<ArrayBuffer>]));
  // A code may be found at one size and not at another.
  for (const longest of [LONGEST, LONGEST / 2, LONGEST / 4]) {
    const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
    const [width, height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    if (!context) return undefined;
    // What is transparent is paper.
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0, width, height);
    try {
      return decodeQR({ width, height, data: context.getImageData(0, 0, width, height).data });
    } catch {
      // No code at this size.
    }
  }
  return undefined;
}
