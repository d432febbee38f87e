"""Names that no parameter may have: they are attributes of PyTorch's modules. A test keeps the list complete."""

_NAMES = """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward gates get_buffer get_extra_state get_parameter get_submodule half hidden
    initial_state input_weights inputs ipu load_state_dict modules mtia named_buffers named_children named_modules
    named_parameters parameters project register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook representation requires_grad_ set_extra_state
    set_initial_values set_submodule share_memory state_dict states to to_empty train training
    type update xpu zero_grad
"""

RESERVED = frozenset(_NAMES.split())
