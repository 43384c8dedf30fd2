// Where a capture reader puts each frame it finds.

/** Receives each frame. `bytes` is only valid during the call; `number` counts frames as Wireshark does. */
export interface FrameSink {
  frame(
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
    originalLength: number,
    seconds: number,
    nanoseconds: number,
    number: number,
  ): void
}
