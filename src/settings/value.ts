// A value of the registry as it is kept: a name, a type number and octets, so that nothing of it is lost, whatever the type
// (winnt.h: REG_NONE to REG_QWORD). Makers and readers are for the types that hold text and numbers; text is UTF-16LE.
import { octetsOf } from '../base/bytes.ts'

export interface RegistryValue {
  /** Empty for the default value of the key. */
  readonly name: string
  /** 0 to 0xffffffff; `valueTypes` names those that are known. */
  readonly type: number
  readonly data: Uint8Array
}

export const valueTypes = {
  REG_NONE: 0,
  REG_SZ: 1,
  REG_EXPAND_SZ: 2,
  REG_BINARY: 3,
  REG_DWORD: 4,
  REG_DWORD_BIG_ENDIAN: 5,
  REG_LINK: 6,
  REG_MULTI_SZ: 7,
  REG_RESOURCE_LIST: 8,
  REG_FULL_RESOURCE_DESCRIPTOR: 9,
  REG_RESOURCE_REQUIREMENTS_LIST: 10,
  REG_QWORD: 11,
} as const

export type ValueTypeName = keyof typeof valueTypes

const namesByType = new Map<number, ValueTypeName>(
  Object.entries(valueTypes).map(([name, type]) => [type, name as ValueTypeName]),
)

/** `REG_DWORD`, or undefined for a number that has no name. */
export function typeName(type: number): ValueTypeName | undefined {
  return namesByType.get(type)
}

/** UTF-16LE; halves of surrogate pairs stay as they are, as Windows keeps them. */
export function utf16Octets(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'utf16le'))
}

/** Undefined for an odd number of octets. */
export function utf16Text(octets: Uint8Array): string | undefined {
  if (octets.length % 2 !== 0) return undefined
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('utf16le')
}

export function stringValue(name: string, text: string): RegistryValue {
  return { name, type: valueTypes.REG_SZ, data: utf16Octets(`${text}\0`) }
}

export function expandStringValue(name: string, text: string): RegistryValue {
  return { name, type: valueTypes.REG_EXPAND_SZ, data: utf16Octets(`${text}\0`) }
}

/** Each text ends with a zero, and a zero ends them all. An empty text would end the list early: none may be empty. */
export function multiStringValue(name: string, texts: readonly string[]): RegistryValue {
  const data = utf16Octets([...texts.map(text => `${text}\0`), '\0'].join(''))
  return { name, type: valueTypes.REG_MULTI_SZ, data }
}

/** 0 to 0xffffffff. */
export function dwordValue(name: string, number: number): RegistryValue {
  const data = new Uint8Array(4)
  new DataView(data.buffer).setUint32(0, number, true)
  return { name, type: valueTypes.REG_DWORD, data }
}

/** 0 to 2^64 - 1. */
export function qwordValue(name: string, number: bigint): RegistryValue {
  const data = new Uint8Array(8)
  new DataView(data.buffer).setBigUint64(0, number, true)
  return { name, type: valueTypes.REG_QWORD, data }
}

export function binaryValue(name: string, data: Uint8Array): RegistryValue {
  return { name, type: valueTypes.REG_BINARY, data: octetsOf(data) }
}

/** REG_SZ, REG_EXPAND_SZ or REG_LINK up to the first zero, as Windows reads them; a missing zero is forgiven. */
export function textOf(value: RegistryValue): string | undefined {
  const { REG_SZ, REG_EXPAND_SZ, REG_LINK } = valueTypes
  if (value.type !== REG_SZ && value.type !== REG_EXPAND_SZ && value.type !== REG_LINK) return undefined
  return upToZero(utf16Text(value.data))
}

function upToZero(text: string | undefined): string | undefined {
  const zero = text?.indexOf('\0') ?? -1
  return zero < 0 ? text : text!.slice(0, zero)
}

/** REG_MULTI_SZ up to its empty text. */
export function textsOf(value: RegistryValue): readonly string[] | undefined {
  if (value.type !== valueTypes.REG_MULTI_SZ) return undefined
  const texts = utf16Text(value.data)?.split('\0')
  if (texts === undefined) return undefined
  const end = texts.indexOf('')
  return end < 0 ? texts : texts.slice(0, end)
}

/** REG_DWORD of either byte order; REG_QWORD where a number holds it exactly. */
export function numberOf(value: RegistryValue): number | undefined {
  const view = new DataView(value.data.buffer, value.data.byteOffset, value.data.length)
  const { REG_DWORD, REG_DWORD_BIG_ENDIAN, REG_QWORD } = valueTypes
  if (value.type === REG_DWORD && view.byteLength === 4) return view.getUint32(0, true)
  if (value.type === REG_DWORD_BIG_ENDIAN && view.byteLength === 4) return view.getUint32(0, false)
  if (value.type !== REG_QWORD || view.byteLength !== 8) return undefined
  const whole = view.getBigUint64(0, true)
  return whole <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(whole) : undefined
}

/** REG_QWORD. */
export function wholeNumberOf(value: RegistryValue): bigint | undefined {
  if (value.type !== valueTypes.REG_QWORD || value.data.length !== 8) return undefined
  return new DataView(value.data.buffer, value.data.byteOffset, 8).getBigUint64(0, true)
}

/** REG_BINARY. */
export function octetsIn(value: RegistryValue): Uint8Array | undefined {
  return value.type === valueTypes.REG_BINARY ? value.data : undefined
}
