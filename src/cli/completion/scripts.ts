/**
 * A script per shell that asks `prunecast complete` for words: a line each with the word, a tab and a summary, then a
 * last line with a colon and the kind of paths to add.
 */
export const SCRIPTS: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: String.raw`# prunecast: completion for bash. Add to ~/.bashrc:  source <(prunecast completion bash)
_prunecast() {
  local words=() word paths line i last cut
  # Bash takes words apart at = and :, which flags and addresses have.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${'$'}{COMP_WORDS[i]}
    last=$((${'$'}{#words[@]} - 1))
    if ((last >= 0)) && { [[ $word == [=:]* ]] || [[ ${'$'}{words[last]} == *[=:] && i -eq COMP_CWORD ]] || [[ ${'$'}{COMP_WORDS[i - 1]} == [=:] ]]; }; then
      words[last]+=$word
    else
      words+=("$word")
    fi
  done
  word=${'$'}{words[${'$'}{#words[@]} - 1]}
  # What bash keeps before the part that it replaces.
  cut=${'$'}{word%"${'$'}{word##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then paths=${'$'}{line#:}; else
      line=${'$'}{line%%$'\t'*}
      COMPREPLY+=("${'$'}{line#"$cut"}")
    fi
  done < <("${'$'}{COMP_WORDS[0]}" complete -- "${'$'}{words[@]}" 2>/dev/null)
  if [[ $paths == files || $paths == folders ]]; then
    compopt -o filenames 2>/dev/null
    [[ $paths == files ]] && i=-f || i=-d
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$i" -- "${'$'}{word#"$cut"}")
  fi
  # After NAME= comes a value.
  if ((${'$'}{#COMPREPLY[@]} == 1)) && [[ ${'$'}{COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _prunecast prunecast
`,
  zsh: String.raw`#compdef prunecast
# prunecast: completion for zsh. Add to ~/.zshrc, after compinit:  source <(prunecast completion zsh)
_prunecast() {
  local -a plain open shown_plain shown_open
  local line word summary paths
  while IFS= read -r line; do
    if [[ $line == :* ]]; then paths=${'$'}{line#:}; continue; fi
    word=${'$'}{line%%$'\t'*} summary=${'$'}{line#*$'\t'}
    [[ -n $summary ]] && summary="$word -- $summary" || summary=$word
    if [[ $word == *= ]]; then open+=("$word") shown_open+=("$summary"); else plain+=("$word") shown_plain+=("$summary"); fi
  done < <("${'$'}{words[1]}" complete -- "${'$'}{(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  (( ${'$'}{#plain} )) && compadd -l -d shown_plain -a plain
  (( ${'$'}{#open} )) && compadd -S '' -l -d shown_open -a open
  if [[ $paths == files || $paths == folders ]]; then
    [[ $PREFIX == --*=* ]] && compset -P '*='
    if [[ $paths == files ]]; then _files; else _files -/; fi
  fi
}
compdef _prunecast prunecast
`,
  fish: String.raw`# prunecast: completion for fish. Save it:  prunecast completion fish > ~/.config/fish/completions/prunecast.fish
function __prunecast_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l paths none
  for line in ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    if string match -q ':*' -- $line
      set paths (string sub -s 2 -- $line)
    else
      echo $line
    end
  end
  switch $paths
    case files
      __fish_complete_path "$current"
    case folders
      __fish_complete_directories "$current" ''
  end
end
complete -c prunecast -f -a '(__prunecast_complete)'
`,
};
