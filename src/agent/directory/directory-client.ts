// A connection to a running directory (Active Directory, Samba) for the length of one errand, by way of ldapts. A password only
// ever goes over TLS; everything is bounded in time, and what fails ends as Problems that name the address.
import { isIP } from 'node:net'
import { Client, InvalidCredentialsError, ResultCodeError, StrongAuthRequiredError } from 'ldapts'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import type { Secret } from '../../base/secret.ts'
import type { DirectoryAttribute, DirectoryEntry } from '../../windows/directory-ldif.ts'

export interface DirectoryAddress {
  /** `ldap://dc1.corp.test` or `ldaps://…`, perhaps with a port. Over `ldap` TLS begins before anything is said. */
  readonly url: string
  /** Who asks: `Administrator@corp.test`, or a distinguished name. Absent: nobody in particular. */
  readonly user?: string
  readonly password?: Secret<string>
  /** Certificates of the authorities that are trusted, PEM; absent: those of the system. */
  readonly authorities?: string
  /** The name in the directory's certificate, where the address does not have it. */
  readonly serverName?: string
  /** For each step; absent: 10. */
  readonly seconds?: number
}

const FORM = /^(ldaps?):\/\/([^/?#@]+?)(?:\/.*)?$/i
const DEFAULT_SECONDS = 10

/** Connects, does the work and goes, whatever happens. */
export async function withDirectory<T>(
  address: DirectoryAddress,
  work: (client: Client) => Promise<T>,
): Promise<Result<T, readonly Problem[]>> {
  const parts = FORM.exec(address.url)
  if (parts === null) return fault(address, 'this is no address of a directory', 'write ldap://HOST or ldaps://HOST')
  // RFC 4513 §5.1.2: a directory takes an empty password for nobody in particular, and says yes.
  if (address.password?.reveal() === '') return fault(address, 'the password is empty', 'write one, or no user')
  const [, scheme, authority] = parts as unknown as [string, string, string]
  const host = authority.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  const isSecure = scheme.toLowerCase() === 'ldaps'
  const name = address.serverName ?? (isIP(host) === 0 ? host : undefined)
  const tlsOptions = {
    ...(address.authorities === undefined ? {} : { ca: address.authorities }),
    ...(name === undefined ? {} : { servername: name }),
    minVersion: 'TLSv1.2' as const,
  }
  const milliseconds = (address.seconds ?? DEFAULT_SECONDS) * 1000
  try {
    const client = new Client({
      url: `${scheme.toLowerCase()}://${authority}`,
      timeout: milliseconds,
      connectTimeout: milliseconds,
      ...(isSecure ? { tlsOptions } : {}),
    })
    try {
      if (address.password !== undefined) {
        if (!isSecure) await client.startTLS({ ...tlsOptions, host })
        await client.bind(address.user ?? '', address.password.reveal())
      }
      return success(await work(client))
    } finally {
      // Whether the other side hears it or not.
      await client.unbind().catch(() => undefined)
    }
  } catch (thrown) {
    return explained(address, thrown)
  }
}

function fault(address: DirectoryAddress, what: string, hint: string): Result<never, readonly Problem[]> {
  return failure([{ severity: 'error', where: address.url, what, hint }])
}

function explained(address: DirectoryAddress, thrown: unknown): Result<never, readonly Problem[]> {
  if (thrown instanceof InvalidCredentialsError) return fault(address, 'name or password is wrong', '')
  if (thrown instanceof StrongAuthRequiredError) {
    return fault(address, 'the directory wants TLS', 'write a user and a password, or ldaps://')
  }
  if (thrown instanceof ResultCodeError) {
    const who =
      address.user === undefined ? 'say who asks: a user and a password' : `${address.user} may not be allowed to`
    return fault(address, `the directory refuses: ${oneLine(thrown.message)}`, who)
  }
  const { code, message } = thrown as NodeJS.ErrnoException
  const isCertificate = /CERT|SELF_SIGNED|ALTNAME/.test(code ?? '')
  const hint = isCertificate
    ? 'give the authority of its certificate, and the name that stands in it'
    : 'is the address right, and does a directory answer there?'
  return fault(address, `the directory cannot be reached: ${oneLine(message)}`, hint)
}

/** What the other side says may be of many lines and of any length. */
function oneLine(text: string): string {
  return text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, 200)
}

/** The domain whose directory this is: `DC=corp,DC=test`. */
export async function domainOf(client: Client): Promise<string | undefined> {
  const { searchEntries } = await client.search('', { scope: 'base', attributes: ['defaultNamingContext'] })
  const domain = searchEntries[0]?.['defaultNamingContext']
  return typeof domain === 'string' ? domain : undefined
}

/** More entries than any domain has policies: who sends more is no directory. */
const MOST_ENTRIES = 20_000

export interface Search {
  readonly base: string
  readonly scope: 'one' | 'sub'
  readonly filter: string
  readonly attributes: readonly string[]
  /** Attributes of octets. */
  readonly octets: readonly string[]
}

/** The entries, all attributes as octets. */
export async function searchEntries(client: Client, search: Search): Promise<readonly DirectoryEntry[]> {
  const { base, scope, filter, attributes, octets } = search
  const found: DirectoryEntry[] = []
  const pages = client.searchPaginated(base, {
    scope,
    filter,
    attributes: [...attributes],
    explicitBufferAttributes: [...octets],
    paged: { pageSize: 500 },
  })
  for await (const page of pages) {
    for (const { dn, ...rest } of page.searchEntries) found.push({ dn, attributes: attributesOf(rest) })
    if (found.length > MOST_ENTRIES) throw new Error(`more than ${MOST_ENTRIES} entries`)
  }
  return found
}

type Value = Buffer | Buffer[] | string[] | string

/** Those that the entry has: of the others ldapts tells empty lists. */
function attributesOf(entry: Readonly<Record<string, Value>>): readonly DirectoryAttribute[] {
  return Object.entries(entry).flatMap(([name, value]) => {
    const values = (Array.isArray(value) ? value : [value]).map(one => Uint8Array.from(Buffer.from(one as string)))
    return values.length === 0 ? [] : [{ name, values }]
  })
}
