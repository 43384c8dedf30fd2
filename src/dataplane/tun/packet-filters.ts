// What of the network's packets reaches the worker's sockets, in the words of the kernel's classic packet filter.
import { type FilterStep, takeNothing } from '../../native/socket-options.ts'

/** BPF_LD | BPF_B | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K and so on. */
const LOAD_OCTET = 0x30
const JUMP_IF_EQUAL = 0x15
const RETURN = 0x06
const LOAD_HEADER_LENGTH = 0xb1
const LOAD_OCTET_INDEXED = 0x50
const ALL = 0x40000
/** Places that are no octets of the packet: whom the frame was for, and the IP header from where a socket sees none. */
const FRAME_KIND = 0xfffff004
const IP_HEADER = 0xfff00000
/** Of a frame: for this host. */
const FOR_US = 0
const ESP = 50
const FRAGMENT = 44

/** IPv4: type 3 code 4 behind the IP header. IPv6: type 2; there the socket sees no IP header. */
export const onlyTooBig: Readonly<Record<4 | 6, readonly FilterStep[]>> = {
  4: [
    [LOAD_HEADER_LENGTH, 0, 0, 0],
    [LOAD_OCTET_INDEXED, 0, 0, 0],
    [JUMP_IF_EQUAL, 0, 3, 3],
    [LOAD_OCTET_INDEXED, 0, 0, 1],
    [JUMP_IF_EQUAL, 0, 1, 4],
    [RETURN, 0, 0, ALL],
    [RETURN, 0, 0, 0],
  ],
  6: [
    [LOAD_OCTET, 0, 0, 0],
    [JUMP_IF_EQUAL, 0, 1, 2],
    [RETURN, 0, 0, ALL],
    [RETURN, 0, 0, 0],
  ],
}

/** ESP in frames for this host, in pieces or whole; from the IP header on. */
export const espOfFrames: Readonly<Record<4 | 6, readonly FilterStep[]>> = {
  4: [
    [LOAD_OCTET, 0, 0, FRAME_KIND],
    [JUMP_IF_EQUAL, 0, 3, FOR_US],
    [LOAD_OCTET, 0, 0, 9],
    [JUMP_IF_EQUAL, 0, 1, ESP],
    [RETURN, 0, 0, ALL],
    [RETURN, 0, 0, 0],
  ],
  6: [
    [LOAD_OCTET, 0, 0, FRAME_KIND],
    [JUMP_IF_EQUAL, 0, 6, FOR_US],
    [LOAD_OCTET, 0, 0, 6],
    [JUMP_IF_EQUAL, 3, 0, ESP],
    [JUMP_IF_EQUAL, 0, 3, FRAGMENT],
    [LOAD_OCTET, 0, 0, 40],
    [JUMP_IF_EQUAL, 0, 1, ESP],
    [RETURN, 0, 0, ALL],
    [RETURN, 0, 0, 0],
  ],
}

/**
 * What is left to the raw sockets beside: over IPv6 what stands behind further extension headers. A packet that the kernel
 * has put together says ESP where its pieces said that they are pieces; those came by frames.
 */
export const espBesideFrames: Readonly<Record<4 | 6, readonly FilterStep[]>> = {
  4: takeNothing,
  6: [
    [LOAD_OCTET, 0, 0, IP_HEADER + 6],
    [JUMP_IF_EQUAL, 0, 1, ESP],
    [RETURN, 0, 0, 0],
    [RETURN, 0, 0, ALL],
  ],
}
