"""Objects for Kubernetes that serve models: KServe's, Seldon Core 2's, or a plain Deployment.

    command      the command line
    write        options to objects
    places       which models, and where a cluster finds them
    wishes       everything else that is asked for
    graph        how models answer together
    plain, kserve, seldon              the writers, one a family
    core, kserve_types, seldon_types   the families' types, which are their schemas
    emit         objects as YAML

The schemas are written down here in our own types, with only the fields that are used. A field that
the cluster does not know cannot be written, and what is written is held against its type first.
"""
