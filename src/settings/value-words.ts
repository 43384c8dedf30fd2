// Values in the words of reg.exe: as `reg query` prints their data, and as `reg add` takes it.
import { concatenate } from '../base/bytes.ts'
import { failure, nearest, type Result, success } from '../base/result.ts'
import {
  dwordValue,
  expandStringValue,
  multiStringValue,
  numberOf,
  qwordValue,
  type RegistryValue,
  stringValue,
  textOf,
  textsOf,
  typeName,
  utf16Octets,
  valueTypes,
  wholeNumberOf,
} from './value.ts'

/** Between the texts of a REG_MULTI_SZ: a backslash and a zero, as two characters. */
export const TEXTS_APART = '\\0'

/** What does not fit its type is shown octet by octet. */
export function dataWords(value: RegistryValue, apart = TEXTS_APART): string {
  const text = textOf(value) ?? textsOf(value)?.join(apart)
  if (text !== undefined) return text
  const number = wholeNumberOf(value) ?? numberOf(value)
  return number === undefined ? value.data.toHex().toUpperCase() : `0x${number.toString(16)}`
}

/** `REG_DWORD`; of a type without a name its number. */
export function typeWord({ type }: RegistryValue): string {
  return typeName(type) ?? `0x${type.toString(16)}`
}

export interface WordsFault {
  /** The switch of `reg add`. */
  readonly where: '/t' | '/d'
  readonly what: string
  readonly hint: string
}

type Make = (name: string, data: string, apart: string) => RegistryValue | string

const octetTypes = ['REG_NONE', 'REG_BINARY', 'REG_RESOURCE_LIST', 'REG_FULL_RESOURCE_DESCRIPTOR'] as const

const makers: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['REG_SZ', stringValue],
  ['REG_EXPAND_SZ', expandStringValue],
  ['REG_MULTI_SZ', readTexts],
  ['REG_DWORD', readDword],
  ['REG_DWORD_LITTLE_ENDIAN', readDword],
  ['REG_DWORD_BIG_ENDIAN', readBigEndian],
  ['REG_QWORD', readQword],
  ['REG_LINK', (name, data) => ({ name, type: valueTypes.REG_LINK, data: utf16Octets(data) })],
  ...octetTypes.map(type => [type, (name: string, data: string) => readOctets(name, valueTypes[type], data)] as const),
])

export const writableTypes: readonly string[] = [...makers.keys()]

/** `type` as `reg add /t` takes it; its data as text, empty where none was given. */
export function valueFromWords(
  name: string,
  type: string,
  data: string,
  apart = TEXTS_APART,
): Result<RegistryValue, WordsFault> {
  const make = makers.get(type.toUpperCase())
  if (make === undefined) {
    const near = nearest(type, writableTypes)
    const known = `known are ${writableTypes.join(', ')}`
    return failure({
      where: '/t',
      what: `“${type}” is no type of value`,
      hint: near === undefined ? known : `${near}?`,
    })
  }
  const value = make(name, data, apart)
  if (typeof value !== 'string') return success(value)
  return failure({ where: '/d', what: `“${data}” is no ${type.toUpperCase()}`, hint: value })
}

const asNumber = 'write a whole number, as in 1 or 0x1'

function readNumber(data: string, bits: number): bigint | undefined {
  if (data === '') return 0n
  if (!/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(data)) return undefined
  const number = BigInt(data)
  return number < 1n << BigInt(bits) ? number : undefined
}

function readDword(name: string, data: string): RegistryValue | string {
  const number = readNumber(data, 32)
  return number === undefined ? `${asNumber}, up to 0xffffffff` : dwordValue(name, Number(number))
}

function readBigEndian(name: string, data: string): RegistryValue | string {
  const value = readDword(name, data)
  if (typeof value === 'string') return value
  return { name, type: valueTypes.REG_DWORD_BIG_ENDIAN, data: value.data.toReversed() }
}

function readQword(name: string, data: string): RegistryValue | string {
  const number = readNumber(data, 64)
  return number === undefined ? `${asNumber}, up to 0xffffffffffffffff` : qwordValue(name, number)
}

function readTexts(name: string, data: string, apart: string): RegistryValue | string {
  const texts = data.split(apart)
  // One at the end ends the last text and begins no other.
  if (texts.at(-1) === '') texts.pop()
  return texts.includes('') ? 'an empty text ends the list: there may be none in it' : multiStringValue(name, texts)
}

function readOctets(name: string, type: number, data: string): RegistryValue | string {
  if (data.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(data)) return 'write two hexadecimal digits for each octet: 01ff'
  return { name, type, data: concatenate([Uint8Array.fromHex(data)]) }
}
