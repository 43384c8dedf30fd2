// netsh's words for algorithms, both ways: `qmsecmethods=ah:sha1+esp:sha1-aes128+60min+100000kb` and
// `mmsecmethods=dhgroup2:aes128-sha1`, with `mmkeylifetime=480min,0sess`.
import { failure, type Problem, success } from '../base/result.ts'
import type { Cell } from '../policy/policy-cells.ts'
import { problem, quoted, readCount, readList, sameContent } from './connection-security-cells.ts'
import { defaultMainModeProposals, defaultQuickModeProposals } from './connection-security-defaults.ts'
import type { MainModeProposal, QuickModeProposal } from './connection-security-rules.ts'
import { encryptions, groups, hashes } from './connection-security-words.ts'

/** `qmsecmethods`; `default` is what Windows offers of itself. */
export function readQuickModeMethods(text: string): Cell<readonly QuickModeProposal[]> {
  if (text.trim().toLowerCase() === 'default') return success(defaultQuickModeProposals)
  return readList(text.split(','), readQuickModeMethod)
}

function readQuickModeMethod(text: string): Cell<QuickModeProposal> {
  const proposal: { -readonly [K in keyof QuickModeProposal]?: QuickModeProposal[K] } = {}
  for (const part of text.trim().split('+')) {
    const [head = '', tail] = part.split(':')
    const kind = head.toLowerCase()
    const count = /^(\d+)(min|kb)$/i.exec(part)
    if (count !== null) {
      const isMinutes = count[2]!.toLowerCase() === 'min'
      const number = isMinutes ? readCount(count[1]!, 5, 2880) : readCount(count[1]!, 20480, 2147483647)
      if (!number.ok) return number
      const field = isMinutes ? 'minutes' : 'kilobytes'
      if (proposal[field] !== undefined)
        return failure({ what: `${quoted(text)} says a lifetime twice`, hint: 'write it once' })
      proposal[field] = number.value
    } else if (tail !== undefined && (kind === 'ah' || kind === 'authnoencap')) {
      if (proposal.ahHash !== undefined || (kind === 'authnoencap' && proposal.encapsulation !== undefined))
        return twice(text)
      const hash = hashes.from('netsh', tail)
      if (hash === undefined)
        return failure({ what: `${quoted(tail)} is no integrity`, hint: hashes.hint('netsh', tail) })
      proposal.ahHash = hash
      proposal.encapsulation = kind === 'ah' ? (proposal.encapsulation === 'esp' ? 'ah+esp' : 'ah') : 'none'
    } else if (tail !== undefined && kind === 'esp') {
      if (proposal.encapsulation === 'esp' || proposal.encapsulation === 'ah+esp') return twice(text)
      if (proposal.encapsulation === 'none') return twice(text)
      const [hashWord = '', cipherWord = 'none'] = tail.split('-')
      const hash = integrityWord(hashWord)
      const encryption = encryptions.from('netsh', cipherWord)
      const isNone = (word: string) => word.toLowerCase() === 'none'
      if (hash === undefined && !isNone(hashWord)) {
        return failure({ what: `${quoted(hashWord)} is no integrity`, hint: hashes.hint('netsh', hashWord) })
      }
      if (encryption === undefined && !isNone(cipherWord)) {
        return failure({ what: `${quoted(cipherWord)} is no encryption`, hint: encryptions.hint('netsh', cipherWord) })
      }
      if (hash !== undefined) proposal.espHash = hash
      if (encryption !== undefined) proposal.encryption = encryption
      proposal.encapsulation = proposal.encapsulation === 'ah' ? 'ah+esp' : 'esp'
    } else {
      const hint = 'as in esp:sha1-aes128, ah:sha1+esp:sha1-3des+60min+100000kb or authnoencap:sha1'
      return failure({ what: `${quoted(part)} is no part of a quick mode method`, hint })
    }
  }
  const { encapsulation } = proposal
  if (encapsulation === undefined) {
    return failure({ what: `${quoted(text)} names no protocol`, hint: 'write esp:…, ah:… or authnoencap:…' })
  }
  return success({ ...proposal, encapsulation, other: [] })
}

function twice(text: string): Cell<never> {
  return failure({ what: `${quoted(text)} names a protocol twice`, hint: 'one of ah and one of esp' })
}

/** netsh writes GCM's integrity as the cipher's name: it is GMAC. */
function integrityWord(word: string): ReturnType<typeof hashes.from> {
  return hashes.from('netsh', word.replace(/^aesgcm/i, 'aesgmac'))
}

export function writeQuickModeMethod(proposal: QuickModeProposal, where: string, losses: Problem[]): string {
  const { encapsulation, ahHash, espHash, encryption, minutes, kilobytes } = proposal
  const hashText = (hash: typeof ahHash) => (hash === undefined ? 'None' : hashes.in('netsh', hash)!)
  const hasEsp = encapsulation === 'esp' || encapsulation === 'ah+esp'
  const hasAh = encapsulation === 'ah' || encapsulation === 'ah+esp'
  const isGcm = encryption?.startsWith('aes-gcm') === true && espHash?.slice(-3) === encryption.slice(-3)
  const espWord = isGcm ? encryptions.in('netsh', encryption)! : hashText(espHash)
  const parts = [
    ...(hasAh ? [`AH:${hashText(ahHash)}`] : []),
    ...(hasEsp ? [`ESP:${espWord}-${encryption === undefined ? 'None' : encryptions.in('netsh', encryption)}`] : []),
    ...(encapsulation === 'none' ? [`AuthNoEncap:${hashText(ahHash ?? espHash)}`] : []),
    ...(minutes === undefined ? [] : [`${minutes}min`]),
    ...(kilobytes === undefined ? [] : [`${kilobytes}kb`]),
  ]
  const text = parts.join('+')
  const again = readQuickModeMethod(text)
  const { other, skipVersion, ...said } = proposal
  const isSame = again.ok && sameContent(again.value, { ...said, other: [] })
  if (!isSame || other.length > 0 || skipVersion !== undefined) {
    losses.push(problem(where, `netsh cannot say this quick mode proposal as it is: ${text}`))
  }
  return text
}

/** `dhgroup2:aes128-sha1,…` as in commands and `DHGroup2-AES128-SHA1` as shown; without a group the one before counts. */
export function readMainModeMethods(text: string): Cell<readonly MainModeProposal[]> {
  if (text.trim().toLowerCase() === 'default') return success(defaultMainModeProposals)
  let last: string | undefined
  return readList(text.split(','), entry => {
    const words = entry.trim().split(/[:-]/)
    if (words.length === 2 && last !== undefined) words.unshift(last)
    const [groupWord = '', cipherWord = '', hashWord = ''] = words
    const group = groups.from('netsh', groupWord)
    if (group === undefined || words.length !== 3) {
      const hint = `as in dhgroup14:aes256-sha384; ${groups.hint('netsh', groupWord)}`
      return failure({ what: `${quoted(entry.trim())} is no main mode method`, hint })
    }
    last = groupWord
    const encryption = encryptions.from('netsh', cipherWord)
    if (encryption === undefined || encryption.startsWith('aes-gcm')) {
      return failure({
        what: `${quoted(cipherWord)} is no encryption of main mode`,
        hint: encryptions.hint('netsh', cipherWord),
      })
    }
    const hash = hashes.from('netsh', hashWord)
    if (hash === undefined || hash.startsWith('aes-gmac')) {
      return failure({ what: `${quoted(hashWord)} is no integrity of main mode`, hint: hashes.hint('netsh', hashWord) })
    }
    return success({ group, encryption, hash, other: [] })
  })
}

export function writeMainModeMethod(
  proposal: MainModeProposal,
  sign: ':' | '-',
  where: string,
  losses: Problem[],
): string {
  const [group, encryption, hash] = [
    groups.in('netsh', proposal.group),
    encryptions.in('netsh', proposal.encryption),
    hashes.in('netsh', proposal.hash),
  ]
  const text = `${group}${sign}${encryption}-${hash}`
  if (!readMainModeMethods(text).ok || proposal.other.length > 0 || proposal.skipVersion !== undefined) {
    losses.push(problem(where, `netsh cannot say this main mode proposal as it is: ${text}`))
  }
  return text
}

/** `480min,0sess`, or one of them. */
export function readKeyLifetime(text: string): Cell<{ readonly minutes?: number; readonly sessions?: number }> {
  const lifetime: { minutes?: number; sessions?: number } = {}
  for (const part of text.split(',')) {
    const parts = /^\s*(\d+)(min|sess)\s*$/i.exec(part)
    const field = parts?.[2]?.toLowerCase() === 'min' ? 'minutes' : 'sessions'
    const count =
      parts === null
        ? undefined
        : readCount(parts[1]!, field === 'minutes' ? 1 : 0, field === 'minutes' ? 2880 : 2147483647)
    if (count?.ok !== true || lifetime[field] !== undefined) {
      return failure({ what: `${quoted(text)} is no key lifetime`, hint: 'as in 480min,0sess, with 1 to 2880 minutes' })
    }
    lifetime[field] = count.value
  }
  return success(lifetime)
}
