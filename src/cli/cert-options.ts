// What the commands of `sealwire cert` have in common: options, what is read from them, and how what was made is told.
import { readFileSync } from 'node:fs'
import type { Made } from '../agent/certificates/certificate-tool.ts'
import { describeCertificate } from '../agent/certificates/describe-certificate.ts'
import { type KeyType, keyTypes, type Wishes } from '../agent/certificates/small-authority.ts'
import type { Problem, Result } from '../base/result.ts'
import { certificateJson } from './cert-text.ts'
import { type CommandInput, FINE, type OptionSpec, textOption, WRONG_INPUT } from './command.ts'
import type { Console } from './console.ts'

export const certOptions = {
  name: {
    flags: '--name <name...>',
    key: 'name',
    description: 'names of the host, as in dc1.corp.test; the first is its common name; also a mail address',
  },
  address: { flags: '--address <address...>', key: 'address', description: 'addresses of the host' },
  upn: { flags: '--upn <name...>', key: 'upn', description: "Windows's user principal names, as in dc1$@corp.test" },
  subject: {
    flags: '--subject <name>',
    key: 'subject',
    description: 'distinguished name in place of CN=NAME, as in CN=dc1,O=Corp,C=DE',
  },
  keyType: {
    flags: '--key-type <type>',
    key: 'keyType',
    description: `kind of the new key: ${keyTypes.join(', ')}; left out, ecdsa-p256`,
    values: keyTypes,
  },
  ca: { flags: '--ca <file>', key: 'ca', description: "the CA's certificate", values: 'file' },
  caKey: {
    flags: '--ca-key <file>',
    key: 'caKey',
    description: "the CA's private key; left out, the file beside its certificate that ends in .key",
    values: 'file',
  },
  passphraseFile: {
    flags: '--passphrase-file <file>',
    key: 'passphraseFile',
    description: 'a file whose first line opens protected keys and PKCS #12 files',
    values: 'file',
  },
  force: { flags: '--force', key: 'force', description: 'write over files that are there, keys too' },
} as const satisfies Record<string, OptionSpec>

/** The longest that dates in certificates reach is 9999; a hundred years are enough for trying things. */
const MOST_DAYS = 36_500

export function daysOption(usual: number): OptionSpec {
  return { flags: '--days <number>', key: 'days', description: `days that it lasts; left out, ${usual}` }
}

/** Reads options one by one and gathers what is wrong with them. */
export class CertInput {
  readonly problems: Problem[] = []
  readonly #input: CommandInput

  constructor(input: CommandInput) {
    this.#input = input
  }

  text(key: string): string | undefined {
    return textOption(this.#input, key)
  }

  flag(key: string): boolean {
    return this.#input.options[key] === true
  }

  list(key: string): readonly string[] {
    const value = this.#input.options[key]
    return value === undefined || value === true ? [] : typeof value === 'string' ? [value] : value
  }

  days(usual: number): number {
    const text = this.text('days') ?? String(usual)
    const days = /^\d{1,5}$/.test(text) ? Number(text) : 0
    if (days < 1 || days > MOST_DAYS) {
      this.wrong('--days', `${JSON.stringify(text)} is no number of days`, `a number of 1 to ${MOST_DAYS}`)
    }
    return days
  }

  keyType(): KeyType {
    const text = this.text('keyType') ?? 'ecdsa-p256'
    const found = keyTypes.find(type => type === text)
    if (found === undefined)
      this.wrong('--key-type', `${JSON.stringify(text)} is no kind of key`, `one of ${keyTypes.join(', ')}`)
    return found ?? 'ecdsa-p256'
  }

  wishes(): Wishes {
    const subject = this.text('subject')
    const lists = { names: this.list('name'), addresses: this.list('address'), principals: this.list('upn') }
    return subject === undefined ? lists : { ...lists, subject }
  }

  passphrase(): string | undefined {
    const file = this.text('passphraseFile')
    if (file === undefined) return undefined
    try {
      return readFileSync(file, 'utf8').split(/\r?\n/)[0]
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (!['ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR', 'EPERM'].includes(code)) throw error
      this.wrong(
        `--passphrase-file ${file}`,
        code === 'ENOENT' ? 'there is no such file' : 'it cannot be read',
        'check the name',
      )
      return undefined
    }
  }

  /** `--ca`, with its key beside it. */
  signer(): { readonly ca: string; readonly key: string; readonly passphrase?: string } | undefined {
    const ca = this.text('ca')
    if (ca === undefined) return undefined
    const passphrase = this.passphrase()
    const key = this.text('caKey') ?? (/\.p12$|\.pfx$/i.test(ca) ? ca : `${ca.replace(/\.[A-Za-z0-9]+$/, '')}.key`)
    return passphrase === undefined ? { ca, key } : { ca, key, passphrase }
  }

  wrong(where: string, what: string, hint: string): void {
    this.problems.push({ severity: 'error', where, what, hint })
  }
}

/** Says what became of it; answers the exit status. */
export function tellMade(
  made: Result<Made, readonly Problem[]>,
  input: CertInput,
  console: Console,
  at: number,
): number {
  const isJson = input.flag('json')
  if (!made.ok) {
    console.problems(made.error)
    if (isJson) console.json({ ok: false, problems: made.error })
    return WRONG_INPUT
  }
  const { files, certificate, warnings } = made.value
  console.problems(warnings)
  const described =
    certificate && describeCertificate(files.find(({ what }) => what === 'certificate')!.path, certificate, at)
  if (isJson) {
    console.json({ ok: true, files, certificate: described ? certificateJson(described) : null, problems: warnings })
    return FINE
  }
  const note = (what: string) => (what === 'private key' || what === 'PKCS #12' ? 'keep it to yourself' : '')
  console.table(files.map(({ path, what }) => [what, path, console.style('dim', note(what))]))
  return FINE
}
