//! The system calls that no tunnel provider needs, and that have led out of sandboxes or look into
//! other processes (seccomp(2)).

use std::{collections::BTreeMap, io};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter, sock_filter,
};

/// What is denied, as programs of the kernel's filter.
pub(super) struct SystemCalls {
    programs: [BpfProgram; 3],
}

/// Denied whatever their arguments are.
const DENIED: [libc::c_long; 47] = [
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // Parts of the kernel that are large and seldom looked at.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_fanotify_init,
    libc::SYS_personality,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
];

/// Families of sockets that a network namespace does not hold, or that nobody needs here.
const DENIED_FAMILIES: [libc::c_int; 6] =
    [libc::AF_VSOCK, libc::AF_ALG, libc::AF_BLUETOOTH, libc::AF_CAN, libc::AF_TIPC, libc::AF_RDS];

/// Flags of clone(2).
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Whatever is above belongs to x32, another set of numbers for the same calls (asm/unistd.h).
const X32: u32 = 0x4000_0000;

/// Instructions, `linux/bpf_common.h`.
const LOAD: u16 = 0x20;
const JUMP_IF_NOT_LESS: u16 = 0x35;
const RETURN: u16 = 0x06;

impl SystemCalls {
    /// None on processors that the filter is not made for.
    pub(super) fn new() -> Option<Self> {
        let mut denied: BTreeMap<i64, Vec<SeccompRule>> =
            DENIED.iter().map(|number| (*number, Vec::new())).collect();
        denied.insert(libc::SYS_clone, rules(&NAMESPACES, SeccompCmpOp::MaskedEq)?);
        denied.insert(libc::SYS_socket, rules(&DENIED_FAMILIES, |_| SeccompCmpOp::Eq)?);
        // Its flags are in memory, where no filter sees them. Without it, clone is called in its place.
        let unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
        Some(Self {
            programs: [native_only(), filter(denied, libc::EPERM)?, filter(unknown, libc::ENOSYS)?],
        })
    }

    /// Denies them to this process and all that it starts. Runs after fork.
    pub(super) fn deny(&self) -> io::Result<()> {
        for program in &self.programs {
            // What went wrong is in errno, and nothing may be allocated here.
            apply_filter(program).map_err(|_| io::Error::last_os_error())?;
        }
        Ok(())
    }
}

/// A rule for each of these values of the first argument.
fn rules(
    values: &[libc::c_int],
    comparison: impl Fn(u64) -> SeccompCmpOp,
) -> Option<Vec<SeccompRule>> {
    let rule = |value: &libc::c_int| {
        let value = u64::from(value.cast_unsigned());
        let condition =
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, comparison(value), value).ok()?;
        SeccompRule::new(vec![condition]).ok()
    };
    values.iter().map(rule).collect()
}

fn filter(calls: BTreeMap<i64, Vec<SeccompRule>>, error: libc::c_int) -> Option<BpfProgram> {
    let refused = SeccompAction::Errno(error.cast_unsigned());
    let processor = std::env::consts::ARCH.try_into().ok()?;
    SeccompFilter::new(calls, SeccompAction::Allow, refused, processor).ok()?.try_into().ok()
}

/// Refuses numbers that would pass the other filters by.
fn native_only() -> BpfProgram {
    let statement = |code, k| sock_filter { code, jt: 0, jf: 0, k };
    let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    vec![
        // The number is the first field of struct seccomp_data.
        statement(LOAD, 0),
        sock_filter { jf: 1, ..statement(JUMP_IF_NOT_LESS, X32) },
        statement(RETURN, refused),
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
    ]
}
