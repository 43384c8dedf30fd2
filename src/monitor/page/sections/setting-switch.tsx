// The setting of default exemptions, and its guarded switch: choose a value, see what would change, and confirm by name.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { AgentStatus } from '../../agent-status.ts'
import type { SettingPreview } from '../../setting-change.ts'
import type { Asker } from '../browser.ts'
import { settingWords } from '../facts/exempt-rows.ts'
import { fateStandings, fateWords, refusalWords } from '../facts/fates.ts'
import { Named } from '../parts/mark.tsx'
import { useAnswer } from '../parts/use-answer.ts'

interface SettingSwitchProps {
  readonly status: AgentStatus
  readonly asker: Asker
}

type Outcome = { readonly kind: 'fine' | 'refused'; readonly words: readonly string[] }

export function SettingSwitch({ status, asker }: SettingSwitchProps) {
  const { setting, policy } = status
  const [chosen, setChosen] = useState<number>()
  const [isAsking, setIsAsking] = useState(false)
  const [outcome, setOutcome] = useState<Outcome>()
  const asked = chosen ?? setting.value
  const answer = useAnswer<SettingPreview>(
    asker,
    `/setting?value=${asked}`,
    `${setting.value} ${setting.from} ${policy.loadedAt}`,
  )
  // What was shown last stays until the next is there.
  const [preview, setPreview] = useState<SettingPreview>()
  useEffect(() => {
    if (answer.kind === 'fine') setPreview(answer.value)
  }, [answer])
  const isCurrent = preview?.asked === asked && preview.value === setting.value

  const change = async () => {
    setIsAsking(false)
    try {
      const { code, value } = await asker.ask('/setting', { value: asked, expected: setting.value })
      const isFine = code === 200
      setOutcome({
        kind: isFine ? 'fine' : 'refused',
        words: isFine ? [`${setting.name} is ${asked} now.`] : refusalWords(code, value),
      })
      if (isFine) setChosen(undefined)
    } catch {
      setOutcome({ kind: 'refused', words: ['The server is not reached; whether the setting changed is not known.'] })
    }
  }

  return (
    <section class="card setting" aria-labelledby="setting-title">
      <h3 id="setting-title">{setting.name ?? 'The setting'}</h3>
      <p>{settingWords(status)}</p>
      {answer.kind === 'refused' ? <Words words={answer.words} isBad /> : null}
      {preview === undefined || preview.name === null ? null : (
        <>
          <fieldset disabled={!preview.isChangeable}>
            <legend>Another value: see first what it would change</legend>
            {preview.values.map(({ value, meaning }) => (
              <label key={value} class="choice">
                <input
                  type="radio"
                  name="setting-value"
                  checked={value === asked}
                  onChange={() => {
                    setChosen(value)
                    setOutcome(undefined)
                  }}
                />
                <span>
                  <b>{value}</b>
                  {value === setting.value ? ' (in force)' : ''} {meaning}
                </span>
              </label>
            ))}
          </fieldset>
          {preview.whyNot === null ? null : <p class="note">{preview.whyNot}</p>}
          {asked === setting.value || !isCurrent ? null : <Preview preview={preview} onAsk={() => setIsAsking(true)} />}
        </>
      )}
      <div role="status">
        {outcome === undefined ? null : <Words words={outcome.words} isBad={outcome.kind === 'refused'} />}
      </div>
      {isAsking && preview !== undefined && isCurrent ? (
        <Confirm preview={preview} onConfirm={() => void change()} onCancel={() => setIsAsking(false)} />
      ) : null}
    </section>
  )
}

function Words({ words, isBad }: { readonly words: readonly string[]; readonly isBad: boolean }) {
  return (
    <ul class={isBad ? 'said-back bad' : 'said-back'}>
      {words.map(text => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  )
}

function Effects({ preview: { changes, warnings } }: { readonly preview: SettingPreview }) {
  return (
    <>
      {changes.length === 0 ? <p>Nothing that leaves this host would be treated otherwise.</p> : null}
      <ul class="effects">
        {changes.map(({ title, now, then, words }) => (
          <li key={`${title} ${then} ${words}`}>
            <b>{title}</b>
            <span class="from-to">
              <Named standing={fateStandings[now]} word={fateWords[now]} />
              <span aria-hidden="true">→</span>
              <span class="unseen">becomes</span>
              <Named standing={fateStandings[then]} word={fateWords[then]} />
            </span>
            <span class="soft">{words}</span>
          </li>
        ))}
      </ul>
      {warnings.length === 0 ? null : <Words words={warnings} isBad />}
    </>
  )
}

function Preview({ preview, onAsk }: { readonly preview: SettingPreview; readonly onAsk: () => void }) {
  return (
    <div class="preview">
      <h4>{`At ${preview.asked} instead of ${preview.value}`}</h4>
      <Effects preview={preview} />
      {preview.isChangeable ? (
        <button type="button" class="main-button" onClick={onAsk}>
          {`Change ${preview.name} to ${preview.asked} …`}
        </button>
      ) : null}
    </div>
  )
}

interface ConfirmProps {
  readonly preview: SettingPreview
  readonly onConfirm: () => void
  readonly onCancel: () => void
}

/** The browser keeps the focus inside; Escape is no. */
function Confirm({ preview, onConfirm, onCancel }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current
    const before = document.activeElement
    element?.showModal()
    return () => {
      element?.close()
      // A dialog that is taken out of the page gives the focus to nobody.
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onCancel={onCancel}>
      <h3 id="confirm-title">{`Change ${preview.name} from ${preview.value} to ${preview.asked}?`}</h3>
      <p>The running agent takes it at once, and it stays in its registry.</p>
      <Effects preview={preview} />
      <div class="buttons">
        <button type="button" onClick={onCancel}>
          Leave it
        </button>
        <button type="button" class="main-button" onClick={onConfirm}>
          {`Change it to ${preview.asked}`}
        </button>
      </div>
    </dialog>
  )
}
