# fish completion for velo
function __velo_complete
    set -l before (commandline -opc)
    set -e before[1]
    set -l current (commandline -ct)
    velo __complete -- $before "$current" 2>/dev/null
end
complete -c velo -f -a '(__velo_complete)'
