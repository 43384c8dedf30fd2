// A conversation with the kernel over AF_NETLINK (netlink(7)): ask, take the answers, and learn in the kernel's own
// words why something was refused. The kernel answers before the sending call returns, so nothing waits here; the same
// socket type, told some groups, hears of changes. Only the kernel is listened to.
import { concatenate } from '../base/bytes.ts'
import { check, errorName, type FailedCall, libC } from './libc.ts'
import { allocateMemory, type Memory } from './memory.ts'
import { readAttributes, readText, u16, u32 } from './netlink-attributes.ts'
import { waitReadable } from './readiness.ts'
import { openSocket, setOption, trySetOption } from './socket-options.ts'

export const NETLINK_ROUTE = 0

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12

const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLMSG_OVERRUN = 4

export const NLM_F_REQUEST = 0x1
const NLM_F_ACK = 0x4
const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
/** Of requests that make something. */
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
/** Of answers: the request is not repeated behind the error; attributes follow. */
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1

const HEADER = 16
/** struct msghdr, struct iovec, the sender, then what was received. */
const VECTOR = 64
const NAME = 96
const NAME_BYTES = 12
const DATA = 128
/** The kernel makes messages of at most 32 KiB when it lists, and grows them for one large object. */
const DATA_BYTES = 128 * 1024
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40

/** At one time, so that a storm of changes holds nobody up: the rest waits in the socket. */
const MOST_HEARD = 1000

/** Of an answer that should be there at once; a list that is long in coming is listened to this often. */
const PATIENCE_MILLISECONDS = 5000

export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  /** Behind the netlink header. */
  readonly body: Uint8Array
}

/** Why the kernel said no: the FailedCall of an Error, with the kernel's own sentence where it gave one. */
export interface RefusedRequest extends FailedCall {
  readonly said: string
}

export class NetlinkSocket {
  readonly fd: number
  readonly #memory: Memory = allocateMemory(DATA + DATA_BYTES)
  readonly #view: DataView
  #sequence = 0

  /** `groups`: bits of the multicast groups to hear (1 for RTNLGRP_LINK, 2 for the next). Belongs to this namespace. */
  constructor(protocol: number, groups = 0) {
    const doing = 'opening a netlink socket'
    const { bytes } = this.#memory
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.fd = openSocket(AF_NETLINK, SOCK_RAW, protocol, doing)
    try {
      const { scratch, bind } = libC()
      const view = new DataView(scratch.bytes.buffer, scratch.bytes.byteOffset)
      view.setUint32(0, AF_NETLINK, true)
      view.setUint32(4, 0, true)
      view.setUint32(8, groups, true)
      check(bind(this.fd, scratch.address, NAME_BYTES), 'bind', doing)
      setOption(this.fd, SOL_NETLINK, NETLINK_EXT_ACK, 1, doing)
      setOption(this.fd, SOL_NETLINK, NETLINK_CAP_ACK, 1, doing)
      // With it the kernel looks at what a listing asks for (4.20); without it we get more than that, and look ourselves.
      trySetOption(this.fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    } catch (error) {
      libC().close(this.fd)
      throw error
    }
  }

  /** Asks for one thing to be done. Throws an Error whose cause is a RefusedRequest; `doing` is what a person reads. */
  change(type: number, flags: number, body: Uint8Array, doing: string): void {
    this.#converse(type, flags | NLM_F_ACK, body, doing)
  }

  /** Asks for one thing; undefined where the kernel acknowledges without an answer. */
  ask(type: number, flags: number, body: Uint8Array, doing: string): NetlinkMessage | undefined {
    return this.#converse(type, flags | NLM_F_ACK, body, doing).messages[0]
  }

  /** Asks for all; begins again where the list changed while it was read. */
  list(type: number, body: Uint8Array, doing: string): readonly NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      const { messages, wasDisturbed } = this.#converse(type, NLM_F_DUMP, body, doing)
      if (!wasDisturbed || attempt === 5) return messages
    }
  }

  #converse(type: number, flags: number, body: Uint8Array, doing: string) {
    const sequence = ++this.#sequence
    const isList = (flags & NLM_F_DUMP) === NLM_F_DUMP
    const header = concatenate([
      u32(HEADER + body.length),
      u16(type),
      u16(flags | NLM_F_REQUEST),
      u32(sequence),
      u32(0),
    ])
    this.#send(concatenate([header, body]), doing)
    const messages: NetlinkMessage[] = []
    let wasDisturbed = false
    for (;;) {
      const received = this.#receive(doing)
      if (received === undefined) {
        if (waitReadable(this.fd, PATIENCE_MILLISECONDS)) continue
        throw new Error(`${doing}: the kernel does not answer`)
      }
      if (received === 'missed') throw new Error(`${doing}: the kernel's answer did not fit`)
      for (const message of received) {
        if (message.sequence !== sequence) continue
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) wasDisturbed = true
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          refuse(message, doing)
          return { messages, wasDisturbed }
        }
        if (message.type === NLMSG_OVERRUN) throw new Error(`${doing}: the kernel lost its answer`)
        messages.push(message)
        if (!isList && (flags & NLM_F_ACK) === 0) return { messages, wasDisturbed }
      }
    }
  }

  /** What groups have told since the last time; `missed` where there was more than fitted: everything is to be read anew. */
  hear(): readonly NetlinkMessage[] | 'missed' {
    const heard: NetlinkMessage[] = []
    for (;;) {
      const received = this.#receive('listening to the kernel')
      if (received === undefined) return heard
      if (received === 'missed') return 'missed'
      heard.push(...received.filter(message => message.type > NLMSG_OVERRUN))
      if (heard.length >= MOST_HEARD) return heard
    }
  }

  close(): void {
    libC().close(this.fd)
  }

  #send(message: Uint8Array, doing: string): void {
    if (message.length > DATA_BYTES) throw new RangeError(`${doing}: a request of ${message.length} octets`)
    this.#memory.bytes.set(message, DATA)
    this.#prepare(message.length)
    check(libC().sendmsg(this.fd, this.#memory.address, 0), 'sendmsg', doing)
  }

  /** To or from the kernel, which is number 0. */
  #prepare(length: number): void {
    const view = this.#view
    const { address } = this.#memory
    view.setUint32(NAME, AF_NETLINK, true)
    view.setBigUint64(NAME + 4, 0n, true)
    view.setBigUint64(0, BigInt(address + NAME), true)
    view.setBigUint64(8, BigInt(NAME_BYTES), true)
    view.setBigUint64(16, BigInt(address + VECTOR), true)
    view.setBigUint64(24, 1n, true)
    view.setBigUint64(32, 0n, true)
    view.setBigUint64(40, 0n, true)
    view.setBigUint64(48, 0n, true)
    view.setBigUint64(VECTOR, BigInt(address + DATA), true)
    view.setBigUint64(VECTOR + 8, BigInt(length), true)
  }

  /** The messages of one datagram; undefined where none waits; `missed` where the kernel had to throw some away. */
  #receive(doing: string): readonly (NetlinkMessage & { readonly sequence: number })[] | 'missed' | undefined {
    this.#prepare(DATA_BYTES)
    const length = libC().recvmsg(this.fd, this.#memory.address, MSG_DONTWAIT | MSG_TRUNC)
    const name = errorName(length)
    if (name === 'EAGAIN') return undefined
    if (name === 'EINTR') return []
    if (name === 'ENOBUFS') return 'missed'
    check(length, 'recvmsg', doing)
    // Another process may speak to our number; what it says is not the kernel's.
    if (this.#view.getUint32(NAME + 4, true) !== 0) return []
    if (length > DATA_BYTES) return 'missed'
    return splitMessages(this.#memory.bytes.slice(DATA, DATA + length))
  }
}

function splitMessages(bytes: Uint8Array): readonly (NetlinkMessage & { readonly sequence: number })[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const found: (NetlinkMessage & { readonly sequence: number })[] = []
  let at = 0
  while (at + HEADER <= bytes.length) {
    const length = view.getUint32(at, true)
    if (length < HEADER || at + length > bytes.length) break
    found.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + HEADER, at + length),
    })
    at += (length + 3) & ~3
  }
  return found
}

/** Throws where an acknowledgement, or the end of a list, carries an error. */
function refuse(message: NetlinkMessage, doing: string): void {
  const { body, flags, type } = message
  if (body.length < 4) return
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const result = view.getInt32(0, true)
  if (result >= 0) return
  const request = body.length >= 4 + HEADER ? view.getUint32(4, true) : HEADER
  const behind = type === NLMSG_DONE ? 4 : 4 + ((flags & NLM_F_CAPPED) !== 0 ? HEADER : (request + 3) & ~3)
  const attributes =
    (flags & NLM_F_ACK_TLVS) !== 0 ? readAttributes(body.subarray(Math.min(behind, body.length))) : undefined
  const said = readText(attributes?.get(NLMSGERR_ATTR_MSG)) ?? ''
  const name = errorName(result)
  const cause: RefusedRequest = { call: 'netlink', name, errno: -result, said }
  throw new Error(`${doing}: the kernel answers ${name}${said === '' ? '' : `, ${said}`}`, { cause })
}
